"""Where Caddy finds the workers of a deployment: two fixed sets of socket names, one of them in use.

A changed configuration makes Caddy close its idle connections, and a client that sends on one of them at that moment sees
its request fail. So a switch changes no configuration: Caddy knows the names of both slots and looks for a marker file at
every request; the names are links to the sockets of the run that the slot holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

Slot = Literal["a", "b"]


class Slots:
    """The two slots of a deployment in the folder of sockets."""

    def __init__(self, sockets: Path, name: str) -> None:
        self._sockets = sockets
        self._key = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        self.marker = sockets / f"{self._key}.b"

    @property
    def active(self) -> Slot:
        """The slot that takes traffic."""
        return "b" if self.marker.exists() else "a"

    @property
    def spare(self) -> Slot:
        """The slot where the next run gets ready."""
        return "a" if self.marker.exists() else "b"

    def links(self, slot: Slot, workers: int) -> tuple[Path, ...]:
        """The names that Caddy dials."""
        return tuple(self._link(slot, number) for number in range(1, workers + 1))

    def point(self, slot: Slot, sockets: Sequence[Path]) -> None:
        """Let a slot's names lead to these sockets; a request sees the old one or the new one."""
        for number, socket in enumerate(sockets, 1):
            link = self._link(slot, number)
            with suppress(OSError):
                if link.readlink() == socket:
                    continue
            fresh = link.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(socket)
            fresh.replace(link)

    def activate(self, slot: Slot) -> None:
        """Send the traffic to this slot from the next request on."""
        if slot == "b":
            self.marker.touch()
        else:
            self.marker.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget both."""
        for file in (self.marker, *self._sockets.glob(f"{self._key}-[ab]*.lnk")):
            file.unlink(missing_ok=True)

    def _link(self, slot: Slot, number: int) -> Path:
        return self._sockets / f"{self._key}-{slot}{number}.lnk"
