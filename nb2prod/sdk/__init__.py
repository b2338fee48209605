"""Joins the steps; what every front door calls. Loaded at the first use, so that flags and cards cost little."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.sdk.deployment import Deployment
    from nb2prod.sdk.find import deployments, get, load
    from nb2prod.sdk.notebooks import deploy_notebook, verify_notebook
    from nb2prod.sdk.steps import capture, deploy, package, register, verify

__all__ = [
    "Deployment",
    "capture",
    "deploy",
    "deploy_notebook",
    "deployments",
    "get",
    "load",
    "package",
    "register",
    "verify",
    "verify_notebook",
]

_FROM = {
    "Deployment": "deployment",
    "deployments": "find",
    "get": "find",
    "load": "find",
    "deploy_notebook": "notebooks",
    "verify_notebook": "notebooks",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nb2prod.sdk' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nb2prod.sdk.{_FROM.get(name, 'steps')}"), name)
    globals()[name] = value
    return value
