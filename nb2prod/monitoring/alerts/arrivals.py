"""Increments as detection reads them: in the order of arrival, and those of one moment as one, whoever counted them.

What several services or workers counted in one minute would else be read one of them after the other: a change in the middle of
that minute would come, go and come again with each. Counts add up in any order, so that the rows of three services are bet on as
those of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from nb2prod.records.monitoring import Increment
from nb2prod.store import Store
from nb2prod.store.alerts import Place
from nb2prod.store.panes import add_sparse

MOMENT = 2.0
"""Seconds that a segment gathers."""
PATIENCE = 180.0
"""Seconds that the minutes of others wait for a source that does not tell: what it tells later is read late."""
AT_ONCE = 5000

_Key = tuple[int, int, str, int, int, str]


def in_order(given: Iterable[Increment]) -> list[Increment]:
    """By arrival minute, event period and moment; what has all three in common is added up.

    Services of before tell no moment: what one of them counted in a minute stays in its own order, what several did is one.
    """
    given = list(given)
    sources: dict[tuple[int, int], set[str]] = defaultdict(set)
    for one in given:
        sources[one.arrived, one.period].add(one.source)
    parts: dict[_Key, list[Increment]] = defaultdict(list)
    for one in given:
        parts[_key(one, alone=len(sources[one.arrived, one.period]) == 1)].append(one)
    return [_joined(parts[key]) for key in sorted(parts)]


def _key(one: Increment, *, alone: bool) -> _Key:
    moment = (one.sequence if alone else 0) if one.moment is None else int(one.moment // MOMENT)
    return one.arrived, one.period, one.grain, moment, one.version, one.model


def _joined(parts: list[Increment]) -> Increment:
    first = min(parts, key=lambda one: (one.source, one.sequence))
    if len(parts) == 1:
        return first
    counts = {name: pairs for name, pairs in add_sparse(one.counts for one in parts).items() if pairs}
    return replace(first, rows=sum(one.rows for one in parts), counts=counts)


def ready(store: Store, name: str, place: Place, now: float, settled: float) -> tuple[list[Increment], Place]:
    """What is unread of whole minutes that are settled, the oldest first, and the place after it.

    A minute is settled so many seconds after it began, and once every source that was heard of lately has told of it.
    """
    waiting, known = store.increments.waiting(name, place.through), set(place.beyond)
    until = _told(store, name, now) - settled
    due = sorted((arrived, number) for number, arrived in waiting if arrived <= until and number not in known)
    last = due[min(AT_ONCE, len(due)) - 1][0] if due else 0
    taken = [number for arrived, number in due if arrived <= last]
    through, beyond = place.through, known.union(taken)
    for number, _ in waiting:
        if number not in beyond:
            break
        through = number
    after = Place(through=through, beyond=tuple(sorted(one for one in beyond if one > through)))
    return in_order(store.increments.at(taken)), after


def _told(store: Store, name: str, now: float) -> float:
    """Until when every source has told what it counted, leaving out those that say nothing."""
    return min([now, *(one.collected for one in store.labels.of(name) if one.collected > now - PATIENCE)])
