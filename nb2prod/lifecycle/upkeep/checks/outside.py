"""What nb2prod needs of others: the package index and the registry."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from nb2prod import registry
from nb2prod.environments import IndexSettings
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check

PYPI = "https://pypi.org/simple"
PATIENCE = 4.0


class IndexCheck(Check):
    """Does the package index answer? Without it only what is cached can be deployed."""

    code, title, order = "index", "Package index", 50

    def look(self) -> Iterator[Ailment]:
        settings = IndexSettings.of_pip()
        if settings.no_index or os.environ.get("UV_OFFLINE"):
            return
        place = self._place()
        if place is not None and not _answers(*place):
            text = f"{place[0]} does not answer; what is not cached cannot be installed."
            yield Ailment(text, "pip config set global.index-url https://your-mirror/simple", "warn")

    def well(self) -> str:
        place = self._place()
        return f"{place[0]} answers" if place else "a folder of this machine"

    def _place(self) -> tuple[str, int] | None:
        """Host and port of the index, or of the proxy in front of it; None where it is a folder."""
        settings = IndexSettings.of_pip()
        index = os.environ.get("UV_DEFAULT_INDEX") or settings.index or PYPI
        address = urlsplit(index)
        if address.scheme not in ("http", "https") or not address.hostname:
            return None
        proxy = (
            settings.proxy
            or os.environ.get(f"{address.scheme}_proxy")
            or os.environ.get(f"{address.scheme.upper()}_PROXY")
        )
        through = urlsplit(proxy if proxy and "//" in proxy else f"//{proxy}") if proxy else address
        return through.hostname or address.hostname, through.port or (443 if through.scheme == "https" else 80)


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
