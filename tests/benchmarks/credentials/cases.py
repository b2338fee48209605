"""Credentials of every kind, drawn anew for each seed, and the notebooks that they are planted in."""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Callable
from textwrap import dedent
from typing import Any

UPPER, LOWER, DIGITS, HEX = string.ascii_uppercase, string.ascii_lowercase, string.digits, "0123456789abcdef"
ALNUM = UPPER + LOWER + DIGITS
START = """
import os, functools
import pandas as pd
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
X = pd.DataFrame({"age": [21.0, 35.0, 44.0, 52.0, 23.0, 31.0], "income": [1.0, 2.5, 3.0, 4.5, 1.2, 2.2]})
y = pd.Series([0, 0, 1, 1, 0, 1])
"""
FIT = "model = LogisticRegression().fit(X, y)"
PREDICT = "def predict(frame):\n    return frame['age'] * 2\npredict(X)"


class Kinds:
    """Credentials of every kind, drawn anew for each seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def of(self, letters: str, n: int) -> str:
        return "".join(self.draw.choices(letters, k=n))

    def mixed(self, n: int, letters: str = ALNUM) -> str:
        """A random text with capitals, small letters and digits, as every service draws its own."""
        return self.of(UPPER, 1) + self.of(LOWER, 1) + self.of(DIGITS, 1) + self.of(letters, n - 3)

    def aws(self) -> str:
        return "AKIA" + self.of(UPPER + "234567", 16)

    def aws_secret(self) -> str:
        return self.mixed(40, ALNUM + "/+")

    def github(self) -> str:
        return "ghp_" + self.mixed(36)

    def slack(self) -> str:
        return f"xoxb-{self.of(DIGITS, 12)}-{self.of(DIGITS, 12)}-{self.mixed(24)}"

    def slack_hook(self) -> str:
        return f"https://hooks.slack.com/services/T{self.of(UPPER + DIGITS, 8)}/B{self.of(UPPER + DIGITS, 8)}/{self.mixed(24)}"

    def stripe(self) -> str:
        return "sk_" + "live_" + self.mixed(24)

    def jwt(self) -> str:
        parts = (json.dumps({"alg": "HS256"}), json.dumps({"sub": self.of(DIGITS, 10)}))
        coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
        return ".".join([*coded, self.mixed(43, ALNUM + "-_")])

    def pem(self) -> str:
        body = "\n".join(self.of(ALNUM + "/+", 64) for _ in range(4))
        return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"

    def openssh(self) -> str:
        return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{self.of(ALNUM, 70)}\n-----END OPENSSH PRIVATE KEY-----"

    def basic_url(self) -> str:
        return f"https://svc:{self.mixed(12)}@artifacts.corp.example/simple"

    def postgres(self) -> str:
        return f"postgresql://analyst:{self.mixed(14)}@db.corp.example:5432/sales"

    def mongo(self) -> str:
        return f"mongodb+srv://app:{self.mixed(16)}@cluster0.x1y2z.mongodb.net/prod"

    def databricks(self) -> str:
        return "dapi" + self.of(HEX, 32)

    def openai(self) -> str:
        return "sk-proj-" + self.mixed(48, ALNUM + "-_")

    def anthropic(self) -> str:
        return "sk-ant-api03-" + self.mixed(80, ALNUM + "-_")

    def huggingface(self) -> str:
        return "hf_" + self.mixed(34)

    def google(self) -> str:
        return "AIza" + self.mixed(35, ALNUM + "-_")

    def sendgrid(self) -> str:
        return f"SG.{self.mixed(22)}.{self.mixed(43)}"

    def azure_storage(self) -> str:
        key = base64.b64encode(self.draw.randbytes(64)).decode()
        return f"DefaultEndpointsProtocol=https;AccountName=lake;AccountKey={key};EndpointSuffix=core.windows.net"

    def odbc(self) -> str:
        return f"Driver={{ODBC Driver 18}};Server=sql.corp.example;Uid=svc;Pwd={self.mixed(12)};"

    def hex32(self) -> str:
        return self.of("abcdef", 1) + self.of(DIGITS, 1) + self.of(HEX, 30)

    def password(self) -> str:
        return self.draw.choice(["Tr0ub4dor", "Winter2024!", "s3cr3t-", "p@ssw0rd", "Hunter2-"]) + self.of(DIGITS, 2)

    def uuid(self) -> str:
        return "-".join(self.of(HEX, n) for n in (8, 4, 4, 4, 12))

    def bearer(self) -> str:
        return f"Bearer {self.mixed(40)}"

    def npm(self) -> str:
        return "npm_" + self.mixed(36)

    def pypi(self) -> str:
        return "pypi-AgEIcHlwaS5vcmc" + self.mixed(60)

    def gitlab(self) -> str:
        return "glpat-" + self.mixed(20)

    def twilio(self) -> str:
        return "SK" + self.of(HEX, 32)

    def telegram(self) -> str:
        return f"{self.of('123456789', 1)}{self.of(DIGITS, 8)}:AA{self.mixed(33)}"


Case = tuple[str, Callable[[Kinds], dict[str, Any]]]


def cell(
    *cells: str, model: str = "model", outputs: dict[int, str] | None = None, html: bool = False
) -> dict[str, Any]:
    return {"cells": [START, *cells], "model": model, "outputs": outputs or {}, "html": html}


def with_predict(*cells: str) -> dict[str, Any]:
    return cell(*cells, "predict(X)", model="predict")


# stands for a vendor's package
ANY = """
from types import SimpleNamespace
class Any_:
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return Any_()
    def __call__(self, *args, **kwargs):
        return Any_()
"""


def text(source: str, **values: str) -> str:
    """The source with each @{name} replaced."""
    return re.sub(r"@\{(\w)\}", lambda m: values[m[1]], dedent(source).strip("\n"))


def alone(source: str, **values: str) -> dict[str, Any]:
    """A cell before the fit."""
    return cell(text(source, **values), FIT)


def used(source: str, **values: str) -> dict[str, Any]:
    """Cells that make what predict uses, and predict."""
    return with_predict(text(source, **values))


def printed(source: str, html: bool = False, **values: str) -> dict[str, Any]:
    return cell(FIT, "model.coef_", outputs={2: text(source, **values)}, html=html)


def stand(names: str, source: str, **values: str) -> dict[str, Any]:
    """Vendors' packages by stand-ins, then a cell that uses them."""
    return cell(ANY + "\n".join(f"{name} = Any_()" for name in names.split()), text(source, **values), FIT)
