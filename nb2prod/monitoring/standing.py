"""What stands now and what stood: the one story that status, drift, report and alerts tell, from what was alarmed.

Where detection has read a version, its alarms say what drifted, since when and how far; figures over a picked span of rows are no
second opinion. Without an evaluation (nobody watches) there is no story, and what `drift` finds by itself is named.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from nb2prod.monitoring.spans import Span, period_of
from nb2prod.records.alerts import AlertRecord, Moved, Reading, Rule
from nb2prod.records.base import Record
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.store import Store
from nb2prod.store.panes import SECONDS, Pane, add_sparse

REPLAYED = 2 * 86400.0
"""Seconds by which the newest rows happened before they arrived: the rows of a replay, whose 'since' is of their own time."""

OPEN = 0.2
"""Of a figure between 0 and 1, the width of an interval past which a realised one is no news yet."""


class Story(Record, frozen=True, kw_only=True):
    """Of one version: what stands by feature, and what stood last by feature.

    `since` is when the rows begin that figures are taken over: the oldest change that stands, else the last end; None for all.
    The rows of a replay happened long before they arrived: they are all taken, and 'since' is of their own time.
    """

    now: dict[str, Moved]
    was: dict[str, Moved]
    since: float | None = None
    replayed: bool = False


def story(store: Store, name: str, version: int, model: str) -> Story | None:
    """What was alarmed of a version; None where detection has not read it."""
    if store.alerts.state(name, version, f"memory:{model}") is None:
        return None
    told = [
        replace(
            moved, ended=moved.ended or record.ended
        )  # an alert ends too when its version takes no traffic any more
        for record in store.alerts.all(name, 1000)
        if record.version == version
        for moved in record.moved
    ]
    now: dict[str, Moved] = {}
    was: dict[str, Moved] = {}
    for one in told:
        held = now if one.ended is None else was
        known = held.get(one.feature)
        if known is None or (one.bound > known.bound if one.ended is None else (one.ended or 0) > (known.ended or 0)):
            held[one.feature] = one
    was = {feature: one for feature, one in was.items() if feature not in now}
    if _replayed(store, name, version, model):
        return Story(now=now, was=was, replayed=True)
    begun = [one.first for one in now.values()]
    over = [one.ended for one in was.values() if one.ended is not None]
    return Story(now=now, was=was, since=min(begun) if begun else max(over, default=None))


def _replayed(store: Store, name: str, version: int, model: str) -> bool:
    current = store.increments.current(name, version)
    panes = store.panes.of(name, version, model)
    if current is None or not panes:
        return False
    return max(pane.period + SECONDS[pane.grain] for pane in panes) < current.arrived - REPLAYED


def limits(store: Store, name: str) -> tuple[Rule, ...]:
    """The limits of a deployment; what was read of another version than takes traffic says nothing of this one."""
    live = store.deployments.find(name)
    current = store.increments.current(name) if live is None else None
    version = live.version if live is not None else current.version if current is not None else None
    return tuple(
        rule if rule.reading.version in (None, version) or version is None else replace(rule, reading=Reading())
        for rule in store.alerts.rules(name)
    )


def titled(alert: AlertRecord, version: int | None) -> str:
    """An alert's title beside the figures of a version: ``delays 2: …`` where it is of another one."""
    if version is None or alert.version == version or not alert.title.startswith(f"{alert.name}: "):
        return alert.title
    return f"{alert.name} {alert.version}{alert.title.removeprefix(alert.name)}"


def empty(version: int | None) -> str:
    """What is said where nothing was counted, of a version where it is known."""
    return "no rows have been counted yet" if version is None else f"no rows of version {version} yet"


def few(one: Performance) -> bool:
    """Do its labels say so little that the estimate stands before them? Then what they leave open is wider than `OPEN`."""
    if one.realised is None or one.predicted is None:
        return False
    return one.low is None or one.high is None or one.high - one.low > OPEN


def unjoined(waiting: int, unmatched: int) -> list[str]:
    """What is to be said of labels that joined to no prediction."""
    said = []
    if waiting:
        said.append(f"{waiting:,} {'label waits for its' if waiting == 1 else 'labels wait for their'} prediction")
        said[0] += ": no row with such an id was counted so far"
    if unmatched:
        said.append(f"{unmatched:,} label{'' if unmatched == 1 else 's'} matched no prediction and no longer wait")
    return said


def span(panes: list[Pane], since: float | None) -> Span:
    """The counts of the rows since then: of panes that lie whole behind it, else of all."""
    chosen = [
        pane for pane in panes if since is None or pane.period >= since // SECONDS[pane.grain] * SECONDS[pane.grain]
    ]
    whole = [pane for pane in chosen if since is None or pane.grain == "minute" or pane.period >= since]
    chosen = whole or chosen or panes
    return Span(period=None, rows=sum(pane.rows for pane in chosen), counts=add_sparse(pane.counts for pane in chosen))


def told(found: FeatureDrift, known: Story) -> FeatureDrift:
    """A feature's record with the figures of its alarm, where one stands; else what stood, and that nothing does."""
    now, was = known.now.get(found.feature), known.was.get(found.feature)
    span = None if known.since is None else moment(known.since)
    if now is not None:
        return replace(
            found,
            drifted=True,
            effect=round(abs(now.effect), 6),
            low=round(now.bound, 6),
            direction=now.direction or found.direction,
            since=(found.since if known.replayed else None) or moment(now.first),
            span=span,
        )
    if was is None or was.ended is None:
        return replace(found, drifted=False, since=None, span=span)
    ended = {"since": moment(was.first), "until": moment(was.ended), "was": was.direction}
    return replace(found, drifted=False, span=span, **ended)


def course(found: FeatureDrift, known: Story, by: str) -> FeatureDrift:
    """A feature's record of one period, marked where its alarm stood in it."""
    told = known.now.get(found.feature) or known.was.get(found.feature)
    if told is None:
        return replace(found, drifted=False, since=None)
    first, last = period_of(told.first, by), period_of(told.ended, by) if told.ended is not None else None
    period = found.period or ""
    inside = first is not None and first <= period and (last is None or period <= last)
    return replace(found, drifted=inside, since=first if inside else None)


def changed(known: Story, feature: str, by: str) -> tuple[str, str] | None:
    """The first and the last period in which the change of a feature may have begun; None where nothing was alarmed."""
    one = known.now.get(feature) or known.was.get(feature)
    if one is None or known.replayed:
        return None
    sides = (one.first if one.earliest is None else one.earliest), (one.first if one.latest is None else one.latest)
    first, last = (period_of(when, by) or "" for when in sides)
    return first, last


def moment(when: float) -> str:
    """A time as JSON has it, to the minute, in UTC."""
    return dt.datetime.fromtimestamp(when, dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def spoken(period: str | None) -> str:
    """A moment or a period for people: ``Fri 27 Nov 12:04 UTC``, June 2013; anything else as it is."""
    for form, words in (("%Y-%m-%dT%H:%MZ", "%a %d %b %H:%M UTC"), ("%Y-%m", "%B %Y")):
        try:
            return dt.datetime.strptime(period or "", form).strftime(words)
        except ValueError:
            continue
    return period or "all"


def stood(since: str | None, until: str | None) -> str:
    """From when to when, the day said once where it is one: ``Fri 27 Nov 12:04 to 12:13 UTC``."""
    begun, over = spoken(since), spoken(until)
    same = begun[:10] == over[:10] and begun.endswith(" UTC")
    return f"{begun.removesuffix(' UTC')} to {over[11:] if same else over}"
