"""What the alarms of a monitor say of each thing it watches: what stands now, and what stood."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nb2prod.records.base import Record
from nb2prod.records.monitoring import Alarm, FeatureDrift


class Course(Record, frozen=True, kw_only=True):
    """By feature the alarm that stands and the one that was over last; figures are taken over the rows since `span`."""

    now: dict[str, Alarm]
    was: dict[str, Alarm]
    effect: float
    span: str | None

    @classmethod
    def of(cls, alarms: Sequence[Alarm], effect: float, first: int) -> Course:
        """`first` is the first row of the oldest alarm that stands."""
        now = {one.feature: one for one in alarms if one.ended is None}
        over = sorted((one for one in alarms if one.ended is not None), key=lambda one: one.ended or 0)
        was = {one.feature: one for one in over if one.feature not in now}
        return cls(now=now, was=was, effect=effect, span=row(first) if first else None)

    def told(self, found: FeatureDrift) -> FeatureDrift:
        """A feature's record with the figures of its alarm, where one stands; else what stood, and that nothing does."""
        now, was = self.now.get(found.feature), self.was.get(found.feature)
        bare = replace(found, drifted=False, span=self.span)
        if now is not None:
            figures = {"effect": round(now.effect, 6), "low": round(now.bound, 6), "direction": now.direction}
            return replace(bare, drifted=True, since=row(now.first_row), **figures)
        if was is None:
            return bare
        return replace(bare, since=row(was.first_row), until=row(was.ended or 0), was=was.direction)


def row(number: int) -> str:
    """A place in a life, for people."""
    return f"row {number:,}"
