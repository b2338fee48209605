"""What nb2prod needs of others: the package index and the registry."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from nb2prod import environments, registry
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check

PATIENCE = 4.0


class Door(NamedTuple):
    """Where uv knocks for an index, a proxy in front of it included, and the variable that leads there."""

    host: str
    port: int
    variable: str | None


class IndexCheck(Check):
    """Does the package index that uv asks answer? Without it only what is cached can be deployed."""

    code, title, order = "index", "Package index", 50

    def look(self) -> Iterator[Ailment]:
        if environments.offline():
            text = "UV_OFFLINE keeps uv from the network; what is not cached cannot be installed."
            yield Ailment(text, environments.way_out("UV_OFFLINE"), "warn")
            return
        for door in _doors():
            if not _answers(door.host, door.port):
                text = f"{door.host}:{door.port} does not answer; what is not cached cannot be installed."
                yield Ailment(text, environments.way_out(door.variable), "warn")

    def well(self) -> str:
        named = [f"{door.host}:{door.port}" for door in _doors()]
        return f"{', '.join(named)} answer{'s' if len(named) == 1 else ''}" if named else "a folder of this machine"


def _doors() -> tuple[Door, ...]:
    """Each once; an index that is a folder has none."""
    settings = environments.IndexSettings.of_pip()
    found = [door for source in environments.sources(settings) if (door := _door(source, settings))]
    return tuple({(door.host, door.port): door for door in reversed(found)}.values())[::-1]


def _door(source: environments.Source, settings: environments.IndexSettings) -> Door | None:
    address = urlsplit(source.address)
    if address.scheme not in ("http", "https") or not address.hostname:
        return None
    proxy, variable = _proxy(address.scheme, address.hostname, settings) or (source.address, source.variable)
    through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return Door(
        through.hostname or address.hostname, through.port or (443 if through.scheme == "https" else 80), variable
    )


def _proxy(scheme: str, host: str, settings: environments.IndexSettings) -> tuple[str, str | None] | None:
    """The proxy in front of a host and the variable that names it, as uv takes them: the scheme's, one for all, pip's."""
    if proxy_bypass(host):
        return None
    told = getproxies_environment()
    for kind in (scheme, "all"):
        if kind in told:
            return told[kind], next((name for name in os.environ if name.lower() == f"{kind}_proxy"), None)
    return (settings.proxy, "PIP_PROXY" if os.environ.get("PIP_PROXY") else None) if settings.proxy else None


class RegistryCheck(Check):
    """Does the MLflow registry answer?"""

    code, title, order = "registry", "Registry", 60

    def look(self) -> Iterator[Ailment]:
        if not registry.reachable(self.home):
            where = _shown(registry.tracking_uri(self.home))
            yield Ailment(f"{where} does not answer.", "unset MLFLOW_TRACKING_URI    # uses the home's own registry")

    def well(self) -> str:
        return f"{_shown(registry.tracking_uri(self.home))} answers"


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except OSError:
        return False


def _shown(uri: str) -> str:
    """A tracking URI without the credentials it may carry."""
    parts = urlsplit(uri)
    return uri if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
