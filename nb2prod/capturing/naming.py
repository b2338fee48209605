"""Names that MLflow, BentoML, a URL and a folder all take."""

from __future__ import annotations

import re

from nb2prod.errors import UsageError

LONGEST = 63
_VALID = re.compile(r"[a-z0-9]([-_.a-z0-9]*[a-z0-9])?")


def checked(name: str) -> str:
    """`name` itself.

    Raises
    ------
    UsageError
        MLflow or BentoML would refuse it; the fix has a name that both take.
    """
    if is_valid(name):
        return name
    raise UsageError(
        f"{name!r} cannot be a deployment's name",
        code="bad-name",
        where=f"--name {name}",
        why="MLflow and BentoML together take small letters, digits, '-', '_' and '.', "
        f"up to {LONGEST}, with a letter or digit at both ends.",
        fix=f"%deploy model --name {suggested(name)}",
        kept="nothing was captured",
    )


def is_valid(name: str) -> bool:
    return len(name) <= LONGEST and ".." not in name and _VALID.fullmatch(name) is not None


def suggested(text: str) -> str:
    """The nearest valid name: `My Model/2` becomes `my-model-2`."""
    name = re.sub(r"[^a-z0-9_.]+", "-", text.lower())
    name = re.sub(r"\.{2,}", ".", name).strip("-_.")[:LONGEST].rstrip("-_.")
    return name or "model"
