"""The pictures of a report: Vega-Lite drawn to SVG on this machine, so that a page needs no script and no network.

Blue means now and grey means training, in every plot; text takes the colour of the page it stands on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.report import Shape

NOW, TRAINING, LIMIT = "#2b8fd9", "#8a8f98", "#d98324"
_ENOUGH = 40
"""Rows of a period that may set the scale of a time line; fewer where half of the periods have no more."""
Spec = dict[str, Any]
_FONT = "system-ui, -apple-system, Segoe UI, sans-serif"
_CONFIG: Spec = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": TRAINING,
        "tickColor": TRAINING,
        "gridColor": "#88888833",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
}


def svg(spec: Spec) -> str:
    """Draw a chart."""
    import vl_convert

    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **spec}
    return str(vl_convert.vegalite_to_svg(json.dumps(whole)))


def outlines(shape: Shape, width: int = 400, height: int = 110) -> Spec:
    """Now and training as two outlines on training's bins."""
    return _numbers(shape, width, height) if shape.edges else _levels(shape, width, height)


def _numbers(shape: Shape, width: int, height: int) -> Spec:
    def outline(values: Sequence[float]) -> list[Spec]:
        steps = zip(shape.edges, [*values, values[-1] if values else 0.0], strict=True)
        inner = [{"x": x, "y": y} for x, y in steps]
        return [{"x": shape.edges[0], "y": 0.0}, *inner, {"x": shape.edges[-1], "y": 0.0}]

    axis = {"tickCount": 7, "labelOverlap": True}
    x = {"field": "x", "type": "quantitative", "title": None, "axis": axis, "scale": {"zero": False, "nice": False}}
    y = {"field": "y", "type": "quantitative", "title": None, "axis": None}
    grey = {
        "type": "area",
        "interpolate": "step-after",
        "color": TRAINING,
        "fillOpacity": 0.16,
        "line": {"color": TRAINING},
    }
    blue = {"type": "line", "interpolate": "step-after", "color": NOW, "strokeWidth": 2}
    return _layered(
        [(outline(shape.training), grey, {"x": x, "y": y}), (outline(shape.now), blue, {"x": x, "y": y})], width, height
    )


def _levels(shape: Shape, width: int, height: int) -> Spec:
    order = list(shape.levels)
    x = {"field": "x", "type": "nominal", "sort": order, "title": None, "axis": {"labelAngle": -30, "labelLimit": 90}}
    y = {"field": "y", "type": "quantitative", "title": None, "axis": {"format": "%", "tickCount": 3}}

    def points(values: Sequence[float]) -> list[Spec]:
        return [{"x": name, "y": value} for name, value in zip(order, values, strict=True)]

    grey = {"type": "bar", "fill": TRAINING, "fillOpacity": 0.16, "stroke": TRAINING, "width": {"band": 0.86}}
    blue = {"type": "bar", "filled": False, "fill": None, "stroke": NOW, "strokeWidth": 2, "width": {"band": 0.6}}
    return _layered(
        [(points(shape.training), grey, {"x": x, "y": y}), (points(shape.now), blue, {"x": x, "y": y})], width, height
    )


def course(
    found: Sequence[FeatureDrift],
    bound: float,
    width: int = 400,
    height: int = 90,
    *,
    periods: Sequence[str] = (),
    changed: tuple[str, str] | None = None,
) -> Spec:
    """How far a column stood from training in each period: the shift, its lower bound, the limit, the change as a band.

    A period of few rows does not set the scale: what lies beyond it is a triangle at the edge.

    Parameters
    ----------
    periods
        All that the axis has; by default those of `found`.
    changed
        The first and the last period in which the change may have begun, where an alarm says so.
    """
    periods = list(periods) or [one.period or "" for one in found]
    x = {
        "field": "x",
        "type": "ordinal",
        "sort": periods,
        "title": None,
        "axis": _sparse(periods, width),
        "scale": {"paddingInner": 0, "paddingOuter": 0.2, "domain": periods},
    }
    top = highest(found, bound)
    scale = {"domainMin": 0, "domainMax": top}
    y = {"field": "y", "type": "quantitative", "title": "shift, σ", "axis": {"tickCount": 3}, "scale": scale}
    points = [
        {"x": one.period, "y": round(min(one.effect, top), 4), "low": round(min(one.low, top), 4)} for one in found
    ]
    dashes = {"type": "rule", "color": LIMIT, "strokeDash": [5, 4]}
    limit = {"data": {"values": [{"y": bound}]}, "mark": dashes, "encoding": {"y": y}}
    layers: list[Spec] = [*_change(touched(found, periods, changed), x), limit]
    values = {"data": {"values": points}}
    band = {"mark": {"type": "rule", "color": NOW, "opacity": 0.55, "strokeWidth": 3}}
    layers.append({**values, **band, "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "y"}}})
    layers.append({**values, "mark": {"type": "line", "color": NOW, "strokeWidth": 1.5}, "encoding": {"x": x, "y": y}})
    for shape, size, beyond in (("circle", 28, False), ("triangle-up", 50, True)):
        shown = [point for point, one in zip(points, found, strict=True) if (one.effect > top) is beyond]
        layers.append({"data": {"values": shown}, "mark": _point(shape, size), "encoding": {"x": x, "y": y}})
    return {"width": width, "height": height, "layer": layers}


def _point(shape: str, size: int) -> Spec:
    return {"type": "point", "filled": True, "shape": shape, "color": NOW, "size": size, "opacity": 1}


def highest(found: Sequence[FeatureDrift], bound: float) -> float:
    """The top of a time line: room for the limit and for every period that has rows enough to say how far it is."""
    enough = min(_ENOUGH, median([one.rows for one in found] or [0]))
    return 1.1 * max([2 * bound, *(one.effect for one in found if one.rows >= enough)])


def touched(
    found: Sequence[FeatureDrift], axis: Sequence[str] = (), changed: tuple[str, str] | None = None
) -> list[str]:
    """The periods of the moment of change: those of the alarm, else the last calm one and the first that had moved."""
    if changed is not None:
        return [one for one in axis if changed[0] <= one <= changed[1]]
    periods, since = [one.period or "" for one in found], [one.since for one in found if one.since]
    if not since or since[-1] not in periods:
        return []
    place = periods.index(since[-1])
    return periods[max(place - 1, 0) : place + 1]


def _change(periods: Sequence[str], x: Spec) -> list[Spec]:
    if not periods:
        return []
    values = [{"x": period} for period in periods]
    mark = {"type": "bar", "color": LIMIT, "opacity": 0.18, "width": {"band": 1}}
    return [
        {"data": {"values": values}, "mark": mark, "encoding": {"x": x, "y": {"value": 0}, "y2": {"value": "height"}}}
    ]


def performance(found: Sequence[Performance], width: int = 620, height: int = 130) -> Spec:
    """Realised with its interval, and predicted as a broken line."""
    periods = [one.period or "" for one in found]
    x = {"field": "x", "type": "ordinal", "sort": periods, "title": None, "axis": _sparse(periods, width)}
    y = {"field": "y", "type": "quantitative", "title": None, "scale": {"zero": False}, "axis": {"tickCount": 4}}
    told = [one for one in found if one.value is not None]
    bands = [{"x": one.period, "y": one.low, "high": one.high} for one in told if one.low is not None]
    known = [{"x": one.period, "y": one.realised} for one in told if one.realised is not None]
    guessed = [{"x": one.period, "y": one.predicted} for one in told if one.predicted is not None]
    interval = {"mark": {"type": "rule", "color": NOW, "opacity": 0.45, "strokeWidth": 4}}
    layers: list[Spec] = [
        {"data": {"values": bands}, **interval, "encoding": {"x": x, "y": y, "y2": {"field": "high"}}},
        {
            "data": {"values": guessed},
            "mark": {"type": "line", "color": TRAINING, "strokeDash": [4, 3], "point": {"color": TRAINING, "size": 20}},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": known},
            "mark": {"type": "circle", "color": NOW, "size": 50, "opacity": 1},
            "encoding": {"x": x, "y": y},
        },
    ]
    return {"width": width, "height": height, "layer": layers}


def calibration(points: Sequence[tuple[float, float, int]], side: int = 150) -> Spec:
    """What a score turned out to be worth on the hold-out."""
    x = {"field": "x", "type": "quantitative", "title": "score", "scale": {"domain": [0, 1]}, "axis": {"tickCount": 3}}
    y = {
        "field": "y",
        "type": "quantitative",
        "title": "came true",
        "scale": {"domain": [0, 1]},
        "axis": {"tickCount": 3},
    }
    values = [{"x": score, "y": value} for score, value, _ in points]
    even = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    grey = {"type": "line", "color": TRAINING, "strokeDash": [4, 3]}
    return _layered(
        [(even, grey, {"x": x, "y": y}), (values, {"type": "line", "color": NOW, "strokeWidth": 2}, {"x": x, "y": y})],
        side,
        side,
    )


def _layered(parts: Sequence[tuple[list[Spec], Spec, Spec]], width: int, height: int) -> Spec:
    layers = [{"data": {"values": values}, "mark": mark, "encoding": encoding} for values, mark, encoding in parts]
    return {"width": width, "height": height, "layer": layers}


def _sparse(periods: Sequence[str], width: int) -> Spec:
    """As many labels on a time line as stand side by side."""
    step = max(1, -(-len(periods) // (width // 85)))
    shown = list(periods)[::step]
    named = json.dumps(dict(zip(shown, _short(shown), strict=True)))
    return {"values": shown, "labelAngle": 0, "labelExpr": f"({named})[datum.value] || datum.value"}


def _short(periods: Sequence[str]) -> list[str]:
    """Moments by their hour, with the day where there are several; other periods as they are."""
    if not all(one.endswith("Z") for one in periods):
        return list(periods)
    day = len({one[:10] for one in periods}) > 1
    return [one[5:16].replace("T", " ") if day else one[11:16] for one in periods]
