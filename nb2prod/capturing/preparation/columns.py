"""Which columns of a frame are wanted: some, or all but some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """`only` these, or, where that is None, all `but` those.

    Examples
    --------
    >>> sorted((Columns.of("a") | Columns.of("b")).only)
    ['a', 'b']
    >>> "late" in Columns() - {"late"}
    False
    """

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *names: str) -> Columns:
        return cls(only=frozenset(names))

    def __contains__(self, name: str) -> bool:
        return name in self.only if self.only is not None else name not in self.but

    def __or__(self, other: Columns) -> Columns:
        if self.only is not None and other.only is not None:
            return Columns(self.only | other.only)
        if self.only is not None:
            return Columns(but=other.but - self.only)
        if other.only is not None:
            return Columns(but=self.but - other.only)
        return Columns(but=self.but & other.but)

    def __sub__(self, names: Iterable[str]) -> Columns:
        gone = frozenset(names)
        return Columns(self.only - gone) if self.only is not None else Columns(but=self.but | gone)

    def meets(self, other: Columns) -> bool:
        """Whether one column at least is in both."""
        if self.only is not None:
            return any(name in other for name in self.only)
        return other.only is None or any(name in self for name in other.only)


ALL = Columns()
NONE = Columns(frozenset())
