"""Why a process ended, from what it wrote last: one line for people; the traceback and the machine's own line stay in the log."""

from __future__ import annotations

import json
from collections.abc import Sequence

NOTHING = "it wrote nothing"


def cause(lines: Sequence[str]) -> str:
    """The last line that says something: the error that a worker told, else the end of its traceback.

    Examples
    --------
    >>> cause(["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: bad"])
    'ValueError: bad'
    """
    told = next((error for error in map(_told, reversed(lines)) if error), None)
    if told is not None:
        return ". ".join(str(told[key]).splitlines()[0].rstrip(".") for key in ("title", "why") if told.get(key)) + "."
    said = [line.strip() for line in lines if line.strip() and not line[0].isspace() and _told(line) is None]
    missing = next((line for line in reversed(said) if "ModuleNotFoundError" in line), None)
    return missing or (said[-1] if said else NOTHING)


def readable(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines without the one that is for machines."""
    return tuple(line for line in lines if line.strip() and _told(line) is None)


def _told(line: str) -> dict[str, object] | None:
    """The error in a worker's own JSON line."""
    if not line.startswith('{"error"'):
        return None
    try:
        error = json.loads(line)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error if isinstance(error, dict) else None
