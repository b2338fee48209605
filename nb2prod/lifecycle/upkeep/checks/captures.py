"""The captures of the home: whether each is, file for file, what was captured."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nb2prod import registry
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check
from nb2prod.runtime import manifest


class CapturesCheck(Check):
    """A damaged capture is put aside, and fetched again where the registry has a version of it."""

    code, title, order = "captures", "Captures", 75

    def look(self) -> Iterator[Ailment]:
        for folder in sorted(self.home.captures.glob("[0-9a-f]*")):
            damage = _damage(folder) if folder.is_dir() else None
            if damage is not None:
                yield Ailment(damage, "nb2prod doctor --fix", mend=partial(_brought_again, folder, self.home))

    def well(self) -> str:
        return "each is what was captured"


def _damage(folder: Path) -> str | None:
    try:
        found = manifest.hashed(folder)
    except (Nb2prodError, OSError) as error:
        title = error.title if isinstance(error, Nb2prodError) else str(error)
        return f"{folder} is damaged: {title}."
    return None if found.digest.startswith(folder.name) else f"{folder} is damaged: its manifest is another one."


def _brought_again(folder: Path, home: Home) -> None:
    """Put aside first, under a name that the leftovers know: what the registry has then takes its place."""
    aside = folder.with_name(f".gone-{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    known = registry.holding(folder.name, home)
    if known is not None:
        registry.fetch(known.name, known.version, home)
