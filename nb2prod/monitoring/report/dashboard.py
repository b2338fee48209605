"""The Grafana dashboard over what a deployment's /metrics exposes; it imports as it stands."""

from __future__ import annotations

from typing import Any

Panel = dict[str, Any]
_PROMETHEUS = {"type": "prometheus", "uid": "${source}"}
_HALF = 12

_ROWS: tuple[tuple[str, tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]], ...] = (
    (
        "Is it up?",
        (
            (
                "Requests a second",
                "reqps",
                (('sum by (route) (rate(nb2prod_requests_total{job=~"$job"}[5m]))', "{{route}}"),),
            ),
            (
                "Seconds of a request",
                "s",
                tuple(
                    (
                        f'histogram_quantile({share}, sum by (le) (rate(nb2prod_request_seconds_bucket{{job=~"$job"}}[5m])))',
                        name,
                    )
                    for share, name in ((0.5, "half"), (0.99, "99 of 100"))
                ),
            ),
            (
                "Errors a second, by code",
                "reqps",
                (('sum by (code) (rate(nb2prod_errors_total{job=~"$job"}[5m]))', "{{code}}"),),
            ),
        ),
    ),
    (
        "Is it right?",
        (
            ("Rows answered a second", "cps", (('sum(rate(nb2prod_rows_total{job=~"$job"}[5m]))', "rows"),)),
            (
                "Distance from training, by feature (what is certain)",
                "none",
                (('max by (feature) (nb2prod_drift_effect_low{job=~"$job"})', "{{feature}}"),),
            ),
            (
                "Alarms that stand, by feature",
                "none",
                (('max by (feature) (nb2prod_drift_alarm{job=~"$job"})', "{{feature}}"),),
            ),
            (
                "Performance, estimated and realised",
                "none",
                tuple(
                    (
                        f'max by (metric, source) (nb2prod_performance{end}{{job=~"$job"}})',
                        "{{metric}} {{source}}" + said,
                    )
                    for end, said in (("", ""), ("_low", " low"), ("_high", " high"))
                ),
            ),
            ("Warnings a second", "cps", (('sum(rate(nb2prod_warnings_total{job=~"$job"}[5m]))', "warnings"),)),
        ),
    ),
    (
        "Does it pay?",
        (
            (
                "Your metrics and their limits",
                "none",
                tuple(
                    (f'max by (alert) (nb2prod_alert_{what}{{job=~"$job"}})', "{{alert}}" + said)
                    for what, said in (
                        ("value", ""),
                        ("value_low", " low"),
                        ("value_high", " high"),
                        ("limit", " limit"),
                    )
                ),
            ),
            (
                "Limits that are passed for certain",
                "none",
                (('max by (alert) (nb2prod_alert_state{job=~"$job",state="page"})', "{{alert}}"),),
            ),
            (
                "Alerts that stand, by kind",
                "none",
                (('max by (kind) (nb2prod_alerts_open{job=~"$job"})', "{{kind}}"),),
            ),
        ),
    ),
    (
        "Is every row counted?",
        (
            (
                "Rows a second",
                "cps",
                tuple(
                    (f'sum(rate(nb2prod_rows_{what}_total{{job=~"$job"}}[5m]))', what)
                    for what in ("accepted", "persisted", "counted", "dropped")
                ),
            ),
        ),
    ),
)


def grafana() -> dict[str, Any]:
    """The dashboard as Grafana imports it; `job` and the Prometheus source are asked for there.

    Examples
    --------
    >>> [panel["title"] for panel in grafana()["panels"]][:2]
    ['Is it up?', 'Requests a second']
    """
    panels: list[Panel] = []
    y = 0
    for title, charts in _ROWS:
        panels.append(
            {"type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "id": len(panels) + 1}
        )
        for place, (name, unit, queries) in enumerate(charts):
            at = {"x": place % 2 * _HALF, "y": y + 1 + place // 2 * 8, "w": _HALF, "h": 8}
            panels.append(_panel(len(panels) + 1, name, unit, queries, at))
        y += 1 + -(-len(charts) // 2) * 8
    return {
        "title": "nb2prod",
        "uid": "nb2prod",
        "schemaVersion": 39,
        "tags": ["nb2prod"],
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": _variables()},
        "panels": panels,
    }


def _panel(number: int, title: str, unit: str, queries: tuple[tuple[str, str], ...], at: dict[str, int]) -> Panel:
    targets = [
        {"refId": chr(65 + place), "expr": query, "legendFormat": legend, "datasource": _PROMETHEUS}
        for place, (query, legend) in enumerate(queries)
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": _PROMETHEUS,
        "gridPos": at,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
    }


def _variables() -> list[dict[str, Any]]:
    job = {
        "name": "job",
        "type": "query",
        "datasource": _PROMETHEUS,
        "query": "label_values(nb2prod_requests_total, job)",
    }
    return [
        {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        {**job, "label": "Deployment", "includeAll": True, "multi": True, "allValue": ".*", "refresh": 2},
    ]
