"""MLflow's room: a capture and its proof become an ordinary model version. MLflow is imported at the first need."""

from __future__ import annotations

from nb2prod.registry.catalogue import champion, fetch, holding, open_capture, remove, resolve, set_champion, versions
from nb2prod.registry.connection import reachable, tracking_uri
from nb2prod.registry.foreign import captured, is_uri, load, suggested_name, unnamed
from nb2prod.registry.identity import identity
from nb2prod.registry.registration import register
from nb2prod.registry.store import ensure as prepare
from nb2prod.registry.store import quiet_environment, ui_command

__all__ = [
    "captured",
    "champion",
    "fetch",
    "holding",
    "identity",
    "is_uri",
    "load",
    "open_capture",
    "prepare",
    "quiet_environment",
    "reachable",
    "register",
    "remove",
    "resolve",
    "set_champion",
    "suggested_name",
    "tracking_uri",
    "ui_command",
    "unnamed",
    "versions",
]
