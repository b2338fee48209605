"""A report to look at: text, JSON, and HTML that stands alone, without scripts and without a network."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from nb2prod.monitoring.report import charts, words
from nb2prod.monitoring.standing import spoken, stood
from nb2prod.records.monitoring import FeatureDrift
from nb2prod.records.report import Report, Shape

_STYLE = """
.nb2report.nb2report{font:14px/1.5 var(--jp-ui-font-family,system-ui,-apple-system,Segoe UI,sans-serif);
color:var(--jp-content-font-color1,inherit);font-variant-numeric:tabular-nums;max-width:980px}
.nb2report.nb2report h1{font-size:22px;font-weight:600;margin:0 0 2px}
.nb2report.nb2report h2{font-size:15px;font-weight:600;margin:28px 0 6px;padding-top:10px;border-top:1px solid #8884}
.nb2report.nb2report h3{font-size:14px;font-weight:600;margin:0}
.nb2report.nb2report p{margin:2px 0}
.nb2report.nb2report .soft{opacity:.72}
.nb2report.nb2report dl{display:grid;grid-template-columns:130px minmax(0,1fr);gap:6px 16px;margin:14px 0}
.nb2report.nb2report dt{font-weight:600}.nb2report.nb2report dd{margin:0}
.nb2report.nb2report .cells{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:22px 28px}
.nb2report.nb2report figure{margin:0}.nb2report.nb2report svg{max-width:100%;height:auto;display:block;margin-top:4px}
.nb2report.nb2report .key{display:inline-block;width:12px;height:0;border-top:3px solid;vertical-align:middle;
margin:0 5px 2px 12px}
.nb2report.nb2report .key:first-child{margin-left:0}
.nb2report.nb2report code{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);font-size:12px;
background:#8882;border-radius:3px;padding:2px 6px;user-select:all}
.nb2report.nb2report table{border-collapse:collapse;margin:6px 0;width:100%;color:inherit}
.nb2report.nb2report th,.nb2report.nb2report td{text-align:left;vertical-align:top;padding:3px 16px 3px 0;font-weight:400;
background:none;border:0}
.nb2report.nb2report th{opacity:.72}.nb2report.nb2report td.r,.nb2report.nb2report th.r{text-align:right}
.nb2report.nb2report pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px;line-height:1.45;margin:6px 0}
.nb2report.nb2report details{margin-top:6px}.nb2report.nb2report summary{cursor:pointer;opacity:.72}
"""
_META = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
_HEAD = (("column", ""), ("moved", ""), ("since", ""), ("rows", "r"), ("shift, σ", "r"), ("at least", "r"))
_TIMES = (("period", ""), ("moved", ""), ("rows", "r"), ("shift, σ", "r"), ("at least", "r"))
_ALONE = """:root{color-scheme:light dark}body{margin:32px auto;max-width:980px;padding:0 20px;background:#fff;color:#1c1f23}
@media (prefers-color-scheme:dark){body{background:#16181c;color:#e4e6ea}}
@media print{body{margin:0}.cells figure{break-inside:avoid}}"""


class Page:
    """What `report()` returns: shows itself in a notebook, prints as text, saves as one HTML file.

    Examples
    --------
    >>> import numpy as np
    >>> from nb2prod.baseline import Baseline
    >>> from nb2prod.monitoring import Monitor
    >>> monitor = Monitor(Baseline.from_frame({"x": np.arange(500.0)}))
    >>> print(monitor.report().text().splitlines()[0])
    These rows: no rows have been counted yet
    """

    def __init__(self, summary: Report) -> None:
        self.summary = summary

    def text(self) -> str:
        """The report in plain words."""
        return words.text(self.summary)

    def as_dict(self) -> dict[str, Any]:
        """The summary as one JSON document."""
        found: dict[str, Any] = msgspec.to_builtins(self.summary)
        return found

    def html(self) -> str:
        """The report as a fragment for a page or a notebook's output."""
        report = self.summary
        parts = [
            f"<h1>{_safe(words.title(report))}</h1>",
            f'<p class="soft">{_safe(words.made(report))} · {report.training_rows:,} training rows</p>',
            _answers(report) if report.feature is None else "",
            _drift(report),
            _together(report),
            _scores(report),
            _performance(report),
            _business(report),
            _alerts(report),
            _notes(report),
        ]
        return f'<div class="nb2report"><style>{_STYLE}</style>{"".join(parts)}</div>'

    def document(self) -> str:
        """The report as a whole HTML file."""
        title = f"<title>{_safe(words.title(self.summary))}</title>"
        head = f"{_META}{title}<style>{_ALONE}</style>"
        return f'<!doctype html><html lang="en"><head>{head}</head><body>{self.html()}</body></html>\n'

    def save(self, path: Path | str) -> Path:
        """Write one HTML file that reads anywhere, offline; returns its path."""
        target = Path(path)
        target.write_text(self.document(), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}


def _safe(text: str) -> str:
    return html.escape(text)


def _section(title: str, parts: Iterable[str]) -> str:
    body = "".join(parts)
    return f"<section><h2>{_safe(title)}</h2>{body}</section>" if body else ""


def _answers(report: Report) -> str:
    said = [
        ("Is it up?", words.up(report)),
        ("Is it right?", words.right(report)),
        ("Does it pay?", words.pays(report)),
    ]
    lines = "".join(f"<dt>{head}</dt><dd>{_safe(body)}</dd>" for head, body in said)
    wanted = "".join(f"<p>{_safe(why)} <code>{_safe(line)}</code></p>" for why, line in report.missing)
    return f"<dl>{lines}</dl>{wanted}"


def _drift(report: Report) -> str:
    if not report.shapes:
        return ""
    courses = [found for one in report.shapes if (found := _course(report, one))]
    key = (
        f'<p class="soft"><span class="key" style="border-color:{charts.NOW}"></span>now: {_safe(words.spanned(report))}'
        f'<span class="key" style="border-color:{charts.TRAINING}"></span>training'
    )
    if courses:
        key += f'<span class="key" style="border-color:{charts.LIMIT}"></span>the limit from which a shift is told '
        key += f"({words.score(report.bound)} σ); a rod reaches down to what is certain of its {report.by}"
    key += (
        "; the band is the time in which the change began" if any(_touched(report, found) for found in courses) else ""
    )
    beyond = any(one.effect > charts.highest(found, report.bound) for found in courses for one in found)
    key += f"; a triangle at the edge is a {report.by} of few rows that lies beyond the scale" if beyond else ""
    key += "" if courses or not report.name else f". {words.ONE_PERIOD}"
    figures = f'<div class="cells">{"".join(_figure(report, one) for one in report.shapes)}</div>'
    return _section("What moved, and how far", [f"{key}</p>", figures, _table(report)])


def _touched(report: Report, found: list[FeatureDrift]) -> list[str]:
    axis = report.periods or [one.period or "" for one in found]
    return charts.touched(found, axis, report.changed.get(found[0].feature))


def _figure(report: Report, shape: Shape) -> str:
    found = next((one for one in report.drift if one.feature == shape.feature), None)
    told = words.compared(found, report.bound)
    size = {"width": 840, "height": 150} if report.feature is not None else {}
    drawn = charts.svg(charts.outlines(shape, **size))
    line = _line(report, shape, size)
    outside = (
        f"; {100 * shape.outside:.1f} % of the rows lie beyond this range or are null" if shape.outside > 0.02 else ""
    )
    name = words.plain(shape.feature)
    return (
        f'<figure role="group" aria-label="{_safe(name)}: {_safe(told)}"><h3>{_safe(name)}</h3>'
        f"<p>{_safe(told)}{outside}</p>{drawn}{line}"
        f'<p class="soft">{_safe(words.distances(shape))}</p></figure>'
    )


def _line(report: Report, shape: Shape, size: dict[str, int]) -> str:
    """The time line, under it when the change may have begun."""
    course = _course(report, shape)
    if not course:
        return ""
    changed = report.changed.get(shape.feature)
    drawn = charts.svg(charts.course(course, report.bound, **size, periods=report.periods, changed=changed))
    began = words.began(report, shape.feature)
    return f'{drawn}<p class="soft">{_safe(began[:1].upper() + began[1:])}.</p>' if began else drawn


def _course(report: Report, shape: Shape) -> list[FeatureDrift]:
    """The periods in which a column is drawn over time: none where there is one alone."""
    found = [one for one in report.course if one.feature == shape.feature and one.rows]
    return found if len(found) > 1 else []


def _table(report: Report) -> str:
    if report.feature is not None:
        return _periods(report)
    cells = "".join(f'<th class="{side}">{name}</th>' for name, side in _HEAD)
    lines = "".join(
        f"<tr><td>{'▲ ' if one.drifted else ''}{_safe(words.plain(one.feature))}</td><td>{_safe(_words(one))}</td>"
        f'<td>{_safe(_when(one))}</td><td class="r">{one.rows:,}</td><td class="r">{words.score(one.effect)}</td>'
        f'<td class="r">{words.score(one.low)}</td></tr>'
        for one in report.drift
    )
    return f"<details><summary>All {len(report.drift)} watched things</summary><table><tr>{cells}</tr>{lines}</table></details>"


def _periods(report: Report) -> str:
    found = [one for one in report.course if one.rows] if report.shapes else []
    if len(found) < 2:
        return ""
    cells = "".join(f'<th class="{side}">{name}</th>' for name, side in _TIMES)
    lines = "".join(
        f"<tr><td>{'▲ ' if one.drifted else ''}{_safe(spoken(one.period))}</td><td>{_safe(one.direction or '–')}</td>"
        f'<td class="r">{one.rows:,}</td><td class="r">{words.score(one.effect)}</td>'
        f'<td class="r">{words.score(one.low)}</td></tr>'
        for one in found
    )
    return f"<details><summary>All {len(found)} periods</summary><table><tr>{cells}</tr>{lines}</table></details>"


def _words(one: FeatureDrift) -> str:
    return f"was {one.was}" if one.until and one.was else one.direction or "–"


def _when(one: FeatureDrift) -> str:
    if one.until:
        return stood(one.since, one.until)
    return spoken(one.since) if one.since else "–"


def _together(report: Report) -> str:
    if not report.together:
        return ""
    told = ", ".join(f"{name} (+{100 * share:.0f} points)" for name, share in report.together.items())
    return _section(
        "Together",
        [f"<p>Of the error of the columns' joint picture these carry more than in training: {_safe(told)}.</p>"],
    )


def _scores(report: Report) -> str:
    cells = [_figure(report, one) for one in report.confidence]
    if report.calibration:
        drawn = charts.svg(charts.calibration(report.calibration))
        cells.append(
            f"<figure><h3>calibration</h3><p>What a score turned out to be worth on the hold-out.</p>{drawn}</figure>"
        )
    return _section(
        "What the model says, and how sure it is", [f'<div class="cells">{"".join(cells)}</div>'] if cells else []
    )


def _performance(report: Report) -> str:
    known = [one for one in report.performance if one.value is not None]
    parts = [f"<p>{_safe(words.measured(one))}</p>" for one in known]
    history = [one for one in report.history if one.value is not None]
    if len(history) > 1:
        named = _safe(f"{words.metric(history[0].metric)} by {report.by}")
        label = f"{named}: known as blue dots with their interval, estimated as a grey broken line"
        parts.append(f'<p class="soft">{label}</p>{charts.svg(charts.performance(history))}')
    parts += [
        f'<p class="soft">{_safe(note)}</p>'
        for note in dict.fromkeys(one.note for one in report.performance if one.note)
    ]
    return _section("How well it answers", parts)


def _business(report: Report) -> str:
    return _section("Does it pay", [f"<p>{_safe(words.rule(one))}</p>" for one in report.rules])


def _alerts(report: Report) -> str:
    told = [
        f"<details{' open' if one.ended is None else ''}><summary>{_safe(words.when(one.raised))} · {_safe(one.title)}"
        f"{' · over' if one.ended else ''}</summary><pre>{_safe(one.text())}</pre></details>"
        for one in report.alerts
    ]
    told += [
        f"<p>{_safe(words.alarm(group))}; began between rows {min(one.earliest for one in group):,} "
        f"and {max(one.latest for one in group):,}</p>"
        for group in words.joined(report.alarms)
    ]
    return _section("Alerts", told)


def _notes(report: Report) -> str:
    return _section("To know", [f"<p>{_safe(note)}</p>" for note in report.notes])
