"""Joins the steps; what every front door calls."""

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
