"""Joins the steps; what every front door calls. Each public name is loaded at its first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.sdk.deployment import Deployment
    from nb2prod.sdk.difference import diff
    from nb2prod.sdk.find import deployments, get, load, rules
    from nb2prod.sdk.notebooks import deploy_notebook, verify_notebook
    from nb2prod.sdk.oneline import deploy
    from nb2prod.sdk.steps import capture, package, register, verify

__all__ = [
    "Deployment",
    "capture",
    "deploy",
    "deploy_notebook",
    "deployments",
    "diff",
    "get",
    "load",
    "package",
    "register",
    "rules",
    "verify",
    "verify_notebook",
]

_HOMES = {
    "Deployment": "deployment",
    "capture": "steps",
    "deploy": "oneline",
    "deploy_notebook": "notebooks",
    "deployments": "find",
    "diff": "difference",
    "get": "find",
    "load": "find",
    "package": "steps",
    "register": "steps",
    "rules": "find",
    "verify": "steps",
    "verify_notebook": "notebooks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
