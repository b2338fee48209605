"""The home's key: whose signature its captures carry, and which of them carry none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nb2prod.capturing import signing
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check
from nb2prod.records.base import read
from nb2prod.records.capture import Manifest
from nb2prod.runtime import manifest, signatures


class SigningCheck(Check):
    """Is every capture of this home signed? Its public key is for those who are to trust them elsewhere."""

    code, title, order = "signing", "Signing key", 80

    def look(self) -> Iterator[Ailment]:
        captures = [*self.home.captures.glob("[0-9a-f]*"), *self.home.bentos.glob("*/*/src/capture")]
        bare = [folder for folder in captures if not (folder / signatures.FILE).is_file() and _holds(folder)]
        if bare:
            text = f"{len(bare)} capture{'s are' if len(bare) > 1 else ' is'} not signed and would not be loaded again."
            yield Ailment(text, "nb2prod doctor --fix", "warn", mend=partial(_sign, bare, self.home))

    def well(self) -> str:
        return f"{signing.public_key(self.home)} ({self.home.trusted / signing.PUBLIC})"


def _holds(folder: Path) -> bool:
    """Only what is still as it was captured may be signed afterwards."""
    path = folder / manifest.FILE
    return path.is_file() and manifest.agrees(folder)


def _sign(folders: list[Path], home: Home) -> None:
    for folder in folders:
        signing.sign(folder, read(folder / manifest.FILE, Manifest), home)
