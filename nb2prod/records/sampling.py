"""What is kept of raw rows where somebody asks for it: how many, without which columns, how long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from nb2prod.errors import UsageError
from nb2prod.records.base import Record

GIB = 2**30
_SIZE = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class Sampling(Record, frozen=True, kw_only=False):
    """Keep a share of the answered rows, to look at. Off unless it is asked for; a rate of 0 ends it.

    Parameters
    ----------
    rate
        Share of the rows, each drawn for itself.
    deny
        Columns that are never kept.
    days
        How long a row is kept.
    bytes
        What all kept rows of a deployment may take on disk, ``"1GiB"`` or a number; the oldest go first.

    Examples
    --------
    >>> Sampling(0.01, deny=["name"], days=30, bytes="1GiB").bytes
    1073741824
    """

    rate: float
    deny: tuple[str, ...] = ()
    days: float = 30.0
    bytes: int = GIB

    def __post_init__(self) -> None:
        deny: Any = self.deny
        listed = (deny,) if isinstance(deny, str) else tuple(deny)
        msgspec.structs.force_setattr(self, "deny", listed)
        msgspec.structs.force_setattr(self, "bytes", _bytes(self.bytes))
        problem = _problem(self)
        if problem:
            raise _wrong(problem)

    @classmethod
    def of(cls, given: Any, deny: Sequence[str] = ()) -> Sampling | None:
        """From what `deploy` was given: a `Sampling`, a rate, or None where nothing was said.

        Raises
        ------
        UsageError
            It is neither, or columns are denied of a sample that nobody asked for.
        """
        if given is None:
            if deny:
                raise _wrong("Columns are left out of a sample, and no sample is asked for.")
            return None
        if isinstance(given, int | float) and not isinstance(given, bool):
            given = cls(float(given))
        if not isinstance(given, cls):
            raise _wrong(f"`sample` is a share of the rows or a Sampling, not {type(given).__name__}.")
        both = tuple(dict.fromkeys((*given.deny, *deny)))
        return msgspec.structs.replace(given, deny=both)


def _bytes(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    found = _SIZE.fullmatch(given.strip())
    if found is None:
        raise _wrong(f"`{given}` is no size.")
    return int(float(found[1]) * 1024 ** _POWERS[(found[2] or "").lower().rstrip("i")])


def _problem(given: Sampling) -> str:
    if not isinstance(given.rate, int | float) or not 0 <= given.rate <= 1:
        return "A rate is a share of the rows, between 0 and 1."
    if not all(isinstance(name, str) for name in given.deny):
        return "`deny` is a list of column names."
    if not isinstance(given.days, int | float) or not 0 < given.days <= 3650:
        return "`days` is a number of days, at most 3650."
    if not isinstance(given.bytes, int) or isinstance(given.bytes, bool) or given.bytes < 2**20:
        return "`bytes` is at least 1MiB."
    return ""


def _wrong(why: str) -> UsageError:
    return UsageError(
        "That is no sampling",
        code="wrong-sampling",
        where="sample=",
        why=why,
        fix='sample=Sampling(0.01, deny=["name"], days=30, bytes="1GiB")',
        kept="nothing was made",
    )
