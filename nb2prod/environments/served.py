"""Where BentoML's own app has been made once: a mark in the environment, for each state of the serving code.

That app depends on the environment and on the code that ships, not on the model. Making it takes a second of CPU, so a proof
makes it where this very pair has not done so before, and leaves it to the first request elsewhere, as every worker does.
"""

from __future__ import annotations

from pathlib import Path

from nb2prod.runtime import shipped


def before(python: Path) -> bool:
    """Whether the serving code of this nb2prod has made BentoML's app in the environment of an interpreter."""
    return _mark(python).exists()


def now(python: Path) -> None:
    """It has; the mark goes with the environment."""
    _mark(python).touch()


def _mark(python: Path) -> Path:
    return python.parents[1] / f".served-{shipped.digest()[:16]}"
