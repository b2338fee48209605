"""The order in which detection reads: nothing of it depends on who counted, or on what came first into the store."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.monitoring.alerts.arrivals import in_order
from nb2prod.records.monitoring import Increment

Row = tuple[int, int, int]


def increment(source: str, sequence: int, minute: int, moment: float | None, **counts: int) -> Increment:
    return Increment(
        source=source,
        sequence=sequence,
        name="delays",
        version=1,
        model="m",
        grain="minute",
        period=60 * minute,
        arrived=60 * minute,
        moment=moment,
        rows=sum(counts.values()),
        counts={name: [(0, count)] for name, count in counts.items()},
    )


def read(found: list[Increment]) -> list[tuple[int, int, dict[str, list[tuple[int, int]]]]]:
    return [(one.arrived, one.rows, one.counts) for one in found]


def counted(rows: list[Row], share: dict[int, str]) -> Iterator[Increment]:
    """Each row of (minute, slot, place) by its own source."""
    for number, (minute, slot, place) in enumerate(rows):
        yield increment(share[number % len(share)], number, minute, 60 * minute + 2 * slot + 0.5, **{f"x{place}": 1})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 29), st.integers(0, 2)), max_size=30), st.randoms())
def test_three_sources_in_any_order_are_read_as_one(rows: list[Row], chance: random.Random) -> None:
    one = list(counted(rows, {0: "a"}))
    three = list(counted(rows, {0: "c", 1: "a", 2: "b"}))
    chance.shuffle(three)
    assert read(in_order(three)) == read(in_order(one))


def test_a_service_of_before_that_tells_no_moment_is_read_in_its_own_order_and_several_as_one() -> None:
    alone = [increment("a", 2, 0, None, x=1), increment("a", 1, 0, None, y=1)]
    assert [one.sequence for one in in_order(alone)] == [1, 2]
    (both,) = in_order([*alone, increment("b", 1, 0, None, x=1)])
    assert (both.rows, both.counts) == (3, {"x": [(0, 2)], "y": [(0, 1)]})


def test_what_is_taken_back_at_the_same_moment_leaves_nothing() -> None:
    (found,) = in_order([increment("a", 1, 0, 1.0, x=1, y=2), increment("b", 1, 0, 1.5, x=-1)])
    assert (found.rows, found.counts) == (2, {"y": [(0, 2)]})
