"""A deployment as a card, and several as a table: is it up, is it right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nb2prod.monitoring.standing import empty, few, unjoined
from nb2prod.records.alerts import SERVICE, Rule
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.serving import ServiceStatus
from nb2prod.sdk.card.shape import Card, Code, Item, Row, Table, Tone
from nb2prod.sdk.card.watch import period_name, since_name
from nb2prod.sdk.card.words import column, count, figure, metric, milliseconds, plain

_SHAPES = {"live": "●", "starting": "◐", "degraded": "◑", "stopped": "○", "failed": "×"}
_TONES: dict[str, Tone] = {
    "live": "done",
    "starting": "calm",
    "degraded": "decide",
    "stopped": "calm",
    "failed": "wrong",
}


def deployment(
    status: ServiceStatus,
    *,
    drift: Sequence[FeatureDrift] | None = None,
    performance: Sequence[Performance] | None = None,
    limits: Sequence[Rule] | None = None,
    variable: str = "deployment",
    voice: Literal["notebook", "terminal"] = "notebook",
) -> Card:
    """A deployment as its card. `drift`, `performance` and `limits` are None where nobody asked."""
    rows = [Row("Up", tuple(_up(status)))]
    if status.reason:
        rows.append(Row("why", (status.reason,)))
    if status.fix:
        rows.append(Row("fix", (Code(status.fix),)))
    if status.log:
        rows.append(Row("log", (Code("\n".join(status.log)),)))
    if status.canary is not None:
        rows.append(Row("Canary", tuple(_canary(status, variable, voice))))
    rows.append(Row("Right", tuple(_right(status, drift, performance, variable, voice))))
    if status.alerts:
        line = f"{variable}.alerts(open=True)" if voice == "notebook" else f"nb2prod alerts list {status.name}"
        rows.append(Row("Alerts", (_standing_alerts(status), Code(line))))
    if limits is not None:
        rows.append(Row("Pays", tuple(_pays(status.name, limits, variable, voice))))
    return Card(head=_headline(status), link=status.url or "", rows=tuple(rows), tone=_TONES[status.state])


def canary(
    status: ServiceStatus, *, variable: str = "deployment", voice: Literal["notebook", "terminal"] = "notebook"
) -> Card:
    """How the canary of a deployment is, and how it goes on."""
    found = status.canary
    if found is None:
        return deployment(status, variable=variable, voice=voice)
    head = f"{status.name}: version {_versions(status)}"
    return Card(
        head=head, link=status.url or "", rows=(Row("Canary", tuple(_canary(status, variable, voice))),), tone="done"
    )


def no_canary(status: ServiceStatus, last: str = "", *, voice: Literal["notebook", "terminal"] = "notebook") -> Card:
    """That no canary runs, which one did last, and the line that begins one."""
    rows = [Row("Last", (last,))] if last else []
    begin = "deployment.canary(VERSION, percent=10)"
    line = begin if voice == "notebook" else f"nb2prod canary {status.name} VERSION --percent 10"
    head = f"{status.name}: no canary runs; version {plain(status.version)} answers everything"
    return Card(head=head, rows=(*rows, Row("Next", (Code(line),))))


def deployments(found: Sequence[ServiceStatus], *, voice: Literal["notebook", "terminal"] = "notebook") -> Card:
    """All deployments as one table; with none, the line that makes one."""
    if not found:
        line = "%deploy model" if voice == "notebook" else "nb2prod deploy notebook.ipynb --model model"
        return Card(head="Nothing is deployed here yet", rows=(Row("Next", (Code(line),)),))
    head = ("", "name", "version", "state", "url", "rows", "requests", "p50", "p99", "errors", "alerts")
    table = Table(head, tuple(_line(status) for status in found), align="llrllrrrrrr")
    told = [one for one in found if one.alerts]
    return Card(
        rows=tuple(Row(one.name, (_standing_alerts(one), Code(f"nb2prod alerts list {one.name}"))) for one in told),
        tables=(table,),
        foot="Rows: counted since the first deploy. Requests, times, errors: since the last start.",
    )


def _headline(status: ServiceStatus) -> str:
    named = status.name if status.version is None else f"{status.name} {status.version}"
    if status.elsewhere and status.version is None:
        named = f"{status.name} ({status.bento or 'version unknown'})"
    where = f" at {_where(status)}" if status.url and status.state in ("live", "degraded", "starting") else ""
    return f"{named} is {_state(status.state)}{where}"


def _standing_alerts(status: ServiceStatus) -> str:
    """How many stand, of which version where all are of another than is live, and what the newest says."""
    named = {title.partition(": ")[0] for title in status.alerts}
    alone = named.pop() if len(named) == 1 else status.name
    of = f" of version {alone.removeprefix(f'{status.name} ')}" if alone.startswith(f"{status.name} ") else ""
    first, *more = (title.removeprefix(f"{alone}: ") for title in status.alerts)
    said = f"{count(len(status.alerts), 'alert')}{of} {'stand' if more else 'stands'}: {first}"
    return said + (f", and {len(more)} more" if more else "")


def _where(status: ServiceStatus) -> str:
    return " and ".join(status.elsewhere) or status.url or "–"


def _versions(status: ServiceStatus) -> str:
    """`3`, or `3 · canary 4 at 10 %`."""
    share = status.canary
    return plain(status.version) + (f" · canary {share.version} at {share.percent:g} %" if share is not None else "")


def _canary(status: ServiceStatus, variable: str, voice: str) -> list[Item]:
    """Does it run, what became of its share, and the lines that go on or back."""
    found = status.canary
    assert found is not None
    shape = {"ready": "●", "starting": "◐", "dead": "×"}[found.state]
    said = f"version {_versions(status)}: {shape} {found.state} · {count(found.answered, 'request')} answered by it"
    if found.not_answered:
        why = ", ".join(f"{number:,} {reason}" for reason, number in sorted(found.outcomes.items()))
        said += f" · {found.not_answered:,} of its share by version {status.version} ({why})"
    items: list[Item] = [said]
    more = min(100.0, max(50.0, 2 * found.percent))
    if voice == "notebook":
        lines = f"{variable}.canary(percent={more:g})", f"{variable}.promote()", f"{variable}.canary(percent=0)"
    else:
        name = status.name
        lines = f"nb2prod canary {name} --percent {more:g}", f"nb2prod promote {name}", f"nb2prod canary {name} --stop"
    notes = "a larger share", "all of the traffic", "end it"
    if found.state == "dead":
        log = f"{variable}.logs(version={found.version})"
        log = log if voice == "notebook" else f"nb2prod logs {status.name} --version {found.version}"
        return [*items, Code(log, note="why"), Code(lines[2], note=notes[2])]
    return [*items, *(Code(line, note=note) for line, note in zip(lines, notes, strict=True))]


def _state(state: str) -> str:
    return {"failed": "down: it failed"}.get(state, state)


def _up(status: ServiceStatus) -> list[Item]:
    said = [f"{_SHAPES[status.state]} {status.state}"]
    if status.requests is not None:
        said.append(count(status.requests, "request") + " since the last start")
    if status.p50_ms is not None:
        said += [f"p50 {milliseconds(status.p50_ms)}", f"p99 {milliseconds(status.p99_ms)}"]
    if status.errors is not None:
        said.append(count(status.errors, "error"))
    workers = " · ".join(f"{w.name} {w.state}" + (f" (pid {w.pid})" if w.pid else "") for w in status.workers)
    rows = [f"{count(status.rows, 'row')} counted since the first deploy"] if status.rows else []
    return [" · ".join(said), *rows, *([workers] if workers else [])]


_VERDICTS = {
    "page": "past its limit",
    "warn": "past its limit, not yet for certain",
    "unsure": "inside its limit, not yet for certain",
    "fine": "inside its limit",
    "waiting": "too few reports yet",
}


def _pays(name: str, limits: Sequence[Rule], variable: str, voice: str) -> list[Item]:
    """Every limit and where its metric stands; without one on a business metric the line that brings one."""
    said: list[Item] = [f"{rule.text}: {_VERDICTS[rule.reading.verdict]}{_standing(rule)}" for rule in limits]
    if all(rule.alert.metric in SERVICE for rule in limits):
        words = "conversion below 0.03 over 7d"
        line = f'{variable}.add_alert("{words}")' if voice == "notebook" else f"nb2prod alerts add {name} '{words}'"
        said += ["No business metric yet.", Code(line)]
    return said


def _standing(rule: Rule) -> str:
    reading = rule.reading
    if reading.value is None or reading.low is None or reading.high is None:
        return ""
    return f", {reading.value:.3g} ({reading.low:.3g} to {reading.high:.3g}) of {reading.n:,}"


def _right(
    status: ServiceStatus,
    drift: Sequence[FeatureDrift] | None,
    performance: Sequence[Performance] | None,
    variable: str,
    voice: str,
) -> list[Item]:
    said: list[Item] = [f"proof: {status.proof}"] if status.proof else []
    if drift is None and performance is None:
        notebook = f"{variable}.drift()", f"{variable}.performance()"
        return [
            *said,
            *(Code(line) for line in (notebook if voice == "notebook" else (f"nb2prod drift {status.name}",))),
        ]
    moved = [item for item in drift or () if item.drifted]
    said.append(_drift_line(moved, drift or (), status.version))
    known = [item for item in performance or () if item.value is not None and item.n]
    wait = unjoined(status.labels_waiting, status.labels_unmatched)
    if known:
        said += [*(_metric_line(item) for item in known), *wait]
    elif wait:
        said += wait
    else:
        said.append("No labels yet.")
        example = f"nb2prod feedback {status.name} labels.parquet --id ID --label LABEL"
        said.append(Code(f'{variable}.feedback(id="ID", label=1)' if voice == "notebook" else example))
    return said


def _drift_line(moved: Sequence[FeatureDrift], all_: Sequence[FeatureDrift], version: int | None) -> str:
    if not all_:
        return f"{empty(version).capitalize()}."
    if not moved:
        columns = sum(not item.feature.startswith("@") for item in all_)
        calm = f"no drift in {count(columns, 'column')}" + (", score and confidence" if columns < len(all_) else "")
        return calm + _over([item for item in all_ if item.until])
    together = len(moved) > 1 and len({item.since for item in moved}) == 1 and moved[0].since
    since = f" since {period_name(moved[0].since)}" if together else ""
    named = ", ".join(_moved(item, told=bool(together)) for item in moved[:4])
    more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
    return f"{count(len(moved), 'drift')}{since}: {named}{more}"


def _over(stood: Sequence[FeatureDrift]) -> str:
    """What stood before and is over."""
    if not stood:
        return ""
    named = ", ".join(f"{column(item.feature)} {item.was} ({since_name(item)})" for item in stood[:2])
    return f" now; over: {named}" + (f" and {len(stood) - 2} more" if len(stood) > 2 else "")


def _moved(item: FeatureDrift, *, told: bool = False) -> str:
    """What moved, and since when, unless that was told already."""
    since = f" since {period_name(item.since)}" if item.since and not told else ""
    return f"{column(item.feature)} {item.direction}".strip() + since


def _metric_line(item: Performance) -> str:
    low, high = figure(item.metric, item.low), figure(item.metric, item.high)
    span = f" ({low} to {high})" if item.low is not None else ""
    if few(item):
        known = f"known {figure(item.metric, item.value)}{span} over {count(item.n, 'label')}"
        return f"{metric(item.metric)} {figure(item.metric, item.predicted)} estimated; {known}"
    known = "" if item.realised is not None else ", estimated: no labels yet"
    return f"{metric(item.metric)} {figure(item.metric, item.value)}{span} over {count(item.n, 'row')}{known}"


def _line(status: ServiceStatus) -> tuple[str, ...]:
    return (
        _SHAPES[status.state],
        status.name,
        (status.bento or "unknown") if status.elsewhere and status.version is None else _versions(status),
        status.state,
        _where(status),
        plain(status.rows),
        plain(status.requests),
        milliseconds(status.p50_ms),
        milliseconds(status.p99_ms),
        plain(status.errors),
        plain(len(status.alerts)),
    )
