from __future__ import annotations

import random

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.records.monitoring import Grain, Increment
from nb2prod.store import Store
from nb2prod.store.increments import Increments
from nb2prod.store.panes import add_sparse

NOON = 1_700_000_000 // 86400 * 86400 + 43200


@pytest.fixture
def store(whole: Store) -> Store:
    return whole


def increment(sequence: int, period: int = NOON, grain: Grain = "minute", **fields: object) -> Increment:
    values = {
        "name": "delays",
        "version": 1,
        "model": "m",
        "source": "s",
        "arrived": NOON,
        "rows": 1,
        "counts": {"x": [(2, 1)]},
    }
    return Increment(sequence=sequence, grain=grain, period=period, **(values | fields))  # type: ignore[arg-type]


def take(store: Store, *increments: Increment) -> int:
    sections = store.increments, store.panes
    with store.database.write() as connection:
        new = sections[0].add(connection, increments)
        sections[1].add(connection, new)
    return len(new)


def test_an_increment_that_comes_twice_is_taken_once(store: Store) -> None:
    assert take(store, increment(1), increment(1), increment(2)) == 2
    assert take(store, increment(1)) == 0
    assert [pane.rows for pane in store.panes.of("delays", 1, "m")] == [2]


def test_one_that_was_pruned_is_not_taken_again(store: Store) -> None:
    take(store, increment(1), increment(2))
    assert store.increments.prune(NOON + 1) == 2
    assert take(store, increment(2), increment(3)) == 1
    assert store.panes.of("delays", 1, "m")[0].rows == 3


def test_detection_reads_by_arrival_then_period_then_source_and_sequence(store: Store) -> None:
    shuffled = [
        increment(1, arrived=NOON + 60),
        increment(2, period=NOON - 60, arrived=NOON),
        increment(3, arrived=NOON, source="b"),
        increment(2, arrived=NOON, source="b"),
        increment(9, arrived=NOON, source="a"),
    ]
    take(store, *random.Random(1).sample(shuffled, 5))
    first = store.increments.after("delays", 1, limit=2)
    rest = store.increments.after("delays", 1, first[-1][0])
    assert [one for _, one in first + rest] == [shuffled[i] for i in (1, 4, 3, 2, 0)]
    assert store.increments.current("delays") == (1, "m", NOON + 60)


def test_increments_of_before_have_no_moment_and_stay(store: Store) -> None:
    take(store, increment(1))
    with store.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE increments DROP COLUMN moment"))
        connection.execute(sa.text("UPDATE nb2prod_schema SET version = 1 WHERE section = 'increments'"))
    store.increments = Increments(store.database)
    take(store, increment(2, moment=NOON + 12.5))
    places = [place for place, _ in store.increments.waiting("delays", 0)]
    assert [one.moment for one in sorted(store.increments.at(places), key=lambda one: one.sequence)] == [
        None,
        NOON + 12.5,
    ]


def test_panes_roll_up_exactly(store: Store) -> None:
    take(
        store, *(increment(i, period=NOON - 60 * i, counts={"x": [(i % 3, 2)], "y": [(0, -1)]}) for i in range(1, 301))
    )
    before = store.panes.of("delays", 1, "m")
    assert store.panes.roll_up(NOON + 3600) > 0
    hours = store.panes.of("delays", 1, "m")
    assert {pane.grain for pane in hours} == {"minute", "hour"}
    assert store.panes.roll_up(NOON + 40 * 86400) > 0
    (day,) = store.panes.of("delays", 1, "m")
    assert (day.grain, day.period, day.rows) == ("day", NOON - 43200, 300)
    assert add_sparse([day.counts]) == add_sparse(pane.counts for pane in before)
    assert store.panes.roll_up(NOON + 40 * 86400) == 0


def test_forgetting_a_name_leaves_the_others(store: Store) -> None:
    take(store, increment(1), increment(1, source="t", name="other"))
    store.forget("delays")
    assert store.panes.versions("delays") == []
    assert store.panes.versions("other") == [(1, "m", 1)]
    assert store.increments.current("delays") is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("xyz"), st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 9)))), max_size=6
    )
)
def test_adding_sparse_counts_does_not_depend_on_their_order(parts: list[dict[str, list[tuple[int, int]]]]) -> None:
    shuffled = random.Random(0).sample(parts, len(parts))
    in_pieces = add_sparse([add_sparse(parts[:2]), add_sparse(parts[2:])])
    whole = {name: pairs for name, pairs in add_sparse(parts).items() if pairs}
    assert whole == {name: pairs for name, pairs in add_sparse(shuffled).items() if pairs}
    assert whole == {name: pairs for name, pairs in in_pieces.items() if pairs}
