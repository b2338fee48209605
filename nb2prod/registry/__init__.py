"""MLflow's room: a capture and its proof become an ordinary model version. MLflow is imported at the first need."""

from __future__ import annotations

from nb2prod.registry.catalogue import champion, fetch, open_capture, remove, resolve, set_champion, versions
from nb2prod.registry.connection import reachable, tracking_uri
from nb2prod.registry.identity import identity
from nb2prod.registry.registration import register
from nb2prod.registry.store import ensure as prepare

__all__ = [
    "champion",
    "fetch",
    "identity",
    "open_capture",
    "prepare",
    "reachable",
    "register",
    "remove",
    "resolve",
    "set_champion",
    "tracking_uri",
    "versions",
]
