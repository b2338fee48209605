"""A report as plain text: the three questions in their order, then what moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from nb2prod.monitoring import standing
from nb2prod.monitoring.standing import spoken, stood
from nb2prod.records.alerts import Rule
from nb2prod.records.monitoring import Alarm, FeatureDrift, Performance
from nb2prod.records.report import Report, Shape

_JOINED = 6
_METRICS = {"roc_auc": "ROC AUC", "f1": "F1", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}
_VERDICTS = {
    "page": "past its limit",
    "warn": "past its limit, not certain yet",
    "unsure": "within its limit, not certain yet",
    "fine": "within its limit",
    "waiting": "too few reports yet",
}


def text(report: Report) -> str:
    """The whole report; every line reads without the pictures."""
    if report.feature is not None:
        return _alone(report)
    lines = [title(report), "", *(f"{head:<8}{body}" for head, _, body in answers(report))]
    lines += _block("Moved", _first([f"{plain(one.feature)}: {moved(one)}" for one in report.drift if one.drifted], 12))
    lines += _block("Over", _first([f"{plain(one.feature)}: {was(one)}" for one in report.drift if one.until], 12))
    lines += _block("How well", [measured(one) for one in report.performance if one.value is not None])
    lines += _block("Limits", [rule(one) for one in report.rules])
    last = sorted(
        report.alerts, key=lambda one: (one.ended is not None, -one.raised)
    )  # what stands first, then the newest
    told = [f"{when(one.raised)}  {one.title}{' (over)' if one.ended else ''}" for one in last]
    lines += _block("Alerts", _first(told, 8))
    lines += _block("Alarms", [alarm(one) for one in joined(report.alarms)])
    lines += _block("To know", list(report.notes))
    lines += _block("Missing", [f"{why} {line}" for why, line in report.missing])
    return "\n".join(lines)


def _alone(report: Report) -> str:
    """One feature: how it stands, how it stood over time, and what was told of it."""
    lines = [title(report), *(f"  {distances(one)}" for one in report.shapes), f"  over {spanned(report)}"]
    lines += _block("Over time", over_time(report))
    told = [f"{when(one.raised)}  {one.title}{' (over)' if one.ended else ''}" for one in reversed(report.alerts)]
    lines += _block("Alerts", _first(told, 8))
    lines += _block("Alarms", [alarm(one) for one in joined(report.alarms)])
    lines += _block("To know", list(report.notes))
    lines += _block("Missing", [f"{why} {line}" for why, line in report.missing])
    return "\n".join(lines)


def over_time(report: Report) -> list[str]:
    """A feature period by period, and when the change may have begun; why there is none where there is one period alone."""
    found = [one for one in report.course if one.feature == report.feature and one.rows]
    if len(found) < 2:
        return [ONE_PERIOD] if report.name and report.rows else []
    lines = [
        f"{'▲' if one.drifted else '·'} {spoken(one.period)}  {score(one.effect)} σ, at least {score(one.low)}"
        f"  ({one.rows:,} row{_s(one.rows)})"
        for one in found
    ]
    return [*lines, *filter(None, (began(report, report.feature or ""),))]


def began(report: Report, feature: str) -> str:
    """When the change of a feature may have begun; empty where nothing was alarmed."""
    if feature not in report.changed:
        return ""
    first, last = report.changed[feature]
    if first == last:
        return f"the change began in {spoken(first)}"
    return f"the change began within {stood(first, last)}"


ONE_PERIOD = "One period has rows so far: a time line needs a second one."


def _block(head: str, lines: list[str]) -> list[str]:
    return ["", head, *(f"  {line}" for line in lines)] if lines else []


def _first(lines: list[str], n: int) -> list[str]:
    """The first lines, and how many more there are."""
    return [*lines[:n], *[f"and {len(lines) - n} more"] * (len(lines) > n)]


def title(report: Report) -> str:
    """`delays 3: 2 of 17 watched things have moved`, after how many alerts stand."""
    named = " ".join(part for part in (report.name, str(report.version or "")) if part) or "These rows"
    if not report.rows:
        return f"{named}: {standing.empty(report.version)}"
    if report.feature is not None:
        found = next(iter(report.drift), None)
        return f"{named}: {plain(report.feature)}: {compared(found, report.bound)}"
    wrong = _wrong(report)
    gone = sum(one.drifted for one in report.drift)
    over = any(one.until for one in report.drift) and not wrong
    calm = "all is as in training again" if over else "nothing has moved"
    told = f"{gone} of {len(report.drift)} watched things have moved" if gone else calm
    return f"{named}: {', '.join([*wrong, told])} over {report.rows:,} row{_s(report.rows)}"


def _wrong(report: Report) -> list[str]:
    """How many alerts stand, of whatever kind, and how many limits are passed of which none does."""
    told = [one for one in report.alerts if one.ended is None and one.severity == "page"]
    known = {one.subject for one in told}
    past = sum(one.reading.verdict == "page" and one.text not in known for one in report.rules)
    said = [f"{len(told)} alert{_s(len(told))} stand{'s' * (len(told) == 1)}"] if told else []
    return said + ([f"{past} limit{_s(past)} {'is' if past == 1 else 'are'} past for certain"] if past else [])


def spanned(report: Report) -> str:
    """Over which rows figures and pictures of now are taken."""
    if report.span is None:
        return "all rows"
    return f"the {report.span_rows:,} row{_s(report.span_rows)} since {spoken(report.span)}"


def answers(report: Report) -> list[tuple[str, str, str]]:
    """The three questions, short and whole, with their answers; of rows without a service only the second."""
    said = ("Right", "Is it right?", right(report))
    if not report.name:
        return [said]
    return [("Up", "Is it up?", up(report)), said, ("Pays", "Does it pay?", pays(report))]


def up(report: Report) -> str:
    status = report.status
    if status is None:
        return "its target was not asked"
    said: list[str] = [status.state]
    if status.requests is not None:
        said.append(f"{status.requests:,} request{_s(status.requests)}")
    if status.p50_ms is not None and status.p99_ms is not None:
        said.append(f"p50 {status.p50_ms:.1f} ms, p99 {status.p99_ms:.1f} ms")
    if status.errors is not None:
        said.append(f"{status.errors:,} error{_s(status.errors)}")
    return " · ".join(said) + (f" · {status.reason}" if status.reason else "")


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def right(report: Report) -> str:
    gone = [one for one in report.drift if one.drifted]
    said = [f"proof: {report.status.proof}"] if report.status is not None and report.status.proof else []
    if not report.rows:
        return " · ".join([*said, standing.empty(report.version)])
    if gone:
        first = gone[0]
        said.append(f"{plain(first.feature)} {moved(first)}" + (f", and {len(gone) - 1} more" if len(gone) > 1 else ""))
    else:
        said.append(f"no drift in {len(report.drift)} watched things")
        said += [f"{plain(one.feature)} {was(one)}" for one in report.drift if one.until][:1]
    said += [
        f"{one.direction} since row {one.first_row:,}"
        for one in report.alarms
        if one.kind == "performance" and one.ended is None
    ]
    said += [
        one.direction
        for told in report.alerts
        if told.ended is None
        for one in told.moved
        if one.kind == "performance" and one.ended is None
    ]
    known = [one for one in report.performance if one.value is not None]
    return " · ".join([*said, *(measured(one) for one in known[:1]), *unjoined(report)])


def unjoined(report: Report) -> list[str]:
    """What is to be said of labels that joined to no prediction."""
    return standing.unjoined(report.labels_waiting, report.labels_unmatched)


def pays(report: Report) -> str:
    if not report.rules:
        return "no business metric has a limit yet"
    return " · ".join(rule(one) for one in report.rules)


def joined(found: Sequence[Alarm]) -> list[list[Alarm]]:
    """Alarms that began together, as one, the largest first; what stands before what is over."""
    groups: dict[tuple[bool, int], list[Alarm]] = {}
    for one in found:
        groups.setdefault((one.ended is not None, one.group), []).append(one)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def alarm(group: list[Alarm]) -> str:
    """`since row 4,000: age up: median 30 to 41, income down: …; estimated error … (told at row 4,200)`."""
    first = min(one.first_row for one in group)
    told = ", ".join(_first([f"{plain(one.feature)} {one.direction}" for one in group], _JOINED))
    matters = next((f"; {one.matters}" for one in group if one.matters), "")
    ended = [one.ended for one in group if one.ended is not None]
    span = f"over, row {first:,} to {max(ended):,}" if ended else f"since row {first:,}"
    note = "; a note: nobody is told" if all(one.severity == "note" for one in group) else ""
    return f"{span}: {told}{matters} (told at row {min(one.raised for one in group):,}{note})"


def moved(one: FeatureDrift) -> str:
    """What a drift is, in words, and since when."""
    since = f" since {spoken(one.since)}" if one.since else ""
    return f"{one.direction or 'moved'}{since}; at least {score(one.low)} σ"


def was(one: FeatureDrift) -> str:
    """What stood and is over."""
    return f"was {one.was or 'drifting'}, {stood(one.since, one.until)}"


def compared(one: FeatureDrift | None, bound: float) -> str:
    """What a plot's headline says, whether it has drifted or not."""
    if one is None or (one.effect < 0.02 and not one.drifted and not one.until):
        return "as in training"
    if one.drifted:
        return moved(one)
    if one.until:
        return was(one)
    if one.low >= bound:
        return f"{one.direction}; at least {score(one.low)} σ, and no alarm of it stands"
    return f"{one.direction}; not for certain past {score(bound)} σ"


def measured(one: Performance) -> str:
    """A metric as it is known, and as it is estimated; the estimate first while there are few labels."""
    holds = f" at {one.interval}" if one.interval else ""
    span = f" ({score(one.low)} to {score(one.high)}{holds})" if one.low is not None else ""
    kind = "known" if one.realised is not None else "estimated"
    other = f", predicted {score(one.predicted)}" if one.realised is not None and one.predicted is not None else ""
    both = one.reconciled
    joined = (
        f"; labels and scores together {score(both.value)} ({score(both.low)} to {score(both.high)})" if both else ""
    )
    if standing.few(one):
        known = f"known {score(one.value)}{span} over {one.n:,} label{_s(one.n)}"
        return f"{metric(one.metric)} {score(one.predicted)} estimated; {known}{joined}"
    return f"{metric(one.metric)} {score(one.value)}{span} {kind} over {one.n:,} row{_s(one.n)}{other}{joined}"


def rule(one: Rule) -> str:
    reading = one.reading
    if reading.value is None:
        return f"{one.text}: {_VERDICTS[reading.verdict]}"
    span = f" ({score(reading.low)} to {score(reading.high)})" if reading.low is not None else ""
    return f"{one.text}: {score(reading.value)}{span}, {_VERDICTS[reading.verdict]}"


def distances(shape: Shape) -> str:
    """`PSI .31 (chance alone: .02)` and so on."""
    said = []
    for one in shape.distances:
        chance = f" (chance alone up to {score(one.critical)})" if one.critical is not None else ""
        said.append(f"{_NAMES[one.name]} {score(one.value)}{chance}")
    return " · ".join(said)


_NAMES = {"psi": "PSI", "js": "JS", "ks": "KS", "wasserstein": "Wasserstein"}


def metric(name: str) -> str:
    return _METRICS.get(name, name.replace("_", " "))


def plain(name: str) -> str:
    """A watched thing by its name: `@score` is the score."""
    return name.removeprefix("@")


def score(value: float | None) -> str:
    """Two digits below one, three figures above."""
    if value is None:
        return "–"
    if abs(value) >= 1:
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    told = f"{value:.2f}" if abs(value) >= 0.095 or value == 0 else f"{value:.2g}"
    return told.replace("0.", ".", 1) if told.lstrip("-").startswith("0.") else told


def made(report: Report) -> str:
    return report.made.replace("T", " ").replace("+00:00", " UTC")


def when(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%a %d %b %H:%M UTC")
