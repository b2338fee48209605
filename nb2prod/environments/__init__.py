"""uv's room: lock, build, cache, prune."""

from nb2prod.environments.control_plane import control
from nb2prod.environments.forkserver import Forked, ForkServer
from nb2prod.environments.indexes import IndexSettings
from nb2prod.environments.installed import Distribution, Installed
from nb2prod.environments.leases import HOMES, MARK, holders, homes, in_use, join, lease, leave, release, unused
from nb2prod.environments.locks import SERVING, Lock, LockRequest, lock, read_lock
from nb2prod.environments.upkeep import Freed, free, prune
from nb2prod.environments.uv import NotOnIndex, Source, offline, sources, way_out
from nb2prod.environments.venvs import Environment, build, build_for, compile_rest, must_fit
from nb2prod.environments.wheels import given as given_wheels
from nb2prod.environments.wheels import of_direct

__all__ = [
    "HOMES",
    "MARK",
    "SERVING",
    "Distribution",
    "Environment",
    "ForkServer",
    "Forked",
    "Freed",
    "IndexSettings",
    "Installed",
    "Lock",
    "LockRequest",
    "NotOnIndex",
    "Source",
    "build",
    "build_for",
    "compile_rest",
    "control",
    "free",
    "given_wheels",
    "holders",
    "homes",
    "in_use",
    "join",
    "lease",
    "leave",
    "lock",
    "must_fit",
    "of_direct",
    "offline",
    "prune",
    "read_lock",
    "release",
    "sources",
    "unused",
    "way_out",
]
