"""What can be silenced of a deployment: its columns, its limits, the kinds of alerts, and what was told of it."""

from __future__ import annotations

import difflib
import shlex

from nb2prod import registry
from nb2prod.errors import UsageError
from nb2prod.home import Home
from nb2prod.monitoring.spans import model_of
from nb2prod.store import Store

KINDS = (
    *("drift", "missing", "type", "unseen", "range", "prediction", "confidence", "multivariate", "performance"),
    *("limit", "rejected", "traffic"),
)
_TRAFFIC = ("silence", "burst")


def check(home: Home, name: str, length: str, subject: str) -> None:
    """Is there such a subject? One with a slip of the pen would silence nothing.

    Raises
    ------
    UsageError
        There is none; says what there is, the nearest first.
    """
    if subject == "*":
        return
    store = Store(home)
    columns, counters = _columns(home, store, name)
    rules = [rule.text for rule in store.alerts.rules(name)]
    told = [word for one in store.alerts.all(name) for word in (one.kind, one.subject, *one.features)]
    if not columns or subject in (*columns, *counters, *rules, *KINDS, *_TRAFFIC, *told):
        return
    there = list(dict.fromkeys([*columns, *rules, *KINDS, *told]))
    near = [one for one in there if one.startswith(subject)] or difflib.get_close_matches(subject, there, n=3)
    listed = [*near, *(one for one in (*columns[:12], *rules, *KINDS) if one not in near)]
    raise UsageError(
        f"There is nothing called `{subject}` to silence",
        code="no-subject",
        where=f"--about {subject}",
        why=f"`{name}` has {', '.join(listed)}; without --about anything is silenced.",
        fix=f"nb2prod alerts silence {name} {length} --about {shlex.quote(listed[0])}",
        kept="nothing was silenced",
    )


def _columns(home: Home, store: Store, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The model's columns and the names of all that is counted; none where neither counts nor a capture are here."""
    row = store.deployments.find(name)
    last = store.increments.current(name, row.version if row is not None else None)
    if last is not None:
        baseline = model_of(store, last.model).baseline
        return baseline.names, tuple(baseline.sizes)
    live = store.deployments.live(name) if row is not None else None
    if live is None or not live.capture:
        return (), ()
    return registry.open_capture(home.captures / live.capture[:12]).record.signature.names, ()
