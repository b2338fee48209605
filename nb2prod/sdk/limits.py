"""Alerts, service levels and sampling of a deployment: settings, applied in place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nb2prod.errors import UsageError
from nb2prod.home import Home
from nb2prod.monitoring.alerts.measures import why_never
from nb2prod.records.alert_text import duration
from nb2prod.records.alerts import SLICES, Alert, Rule
from nb2prod.records.capture import Capture, Signature
from nb2prod.records.sampling import Sampling
from nb2prod.sdk.wish import Limits
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget


def check(signature: Signature, alerts: Sequence[Alert], known: Sequence[Alert] = ()) -> None:
    """Can each of them ever be told of this model, beside those that are known already?

    Raises
    ------
    UsageError
        A metric does not fit the model, is of no slice, or a slice names a column that the model does not have.
    """
    names = signature.names
    for alert in alerts:
        why = why_never(alert, signature)
        column = next(iter(alert.where), None)
        if not why and column is not None and column not in names:
            why = f"The model has no column `{column}`; it has {', '.join(names[:12])}."
        if why:
            raise UsageError(
                f"`{alert.condition}` can never be told",
                code="alert-never",
                where=alert.condition,
                why=why,
                fix=f"--alert '{alert.metric} {'above' if alert.above is not None else 'below'} {alert.limit:.10g}'"
                if column
                else "--alert 'conversion below 0.03 over 7d'",
                kept="nothing was made",
            )
    if len(slices([*known, *alerts])) > SLICES:
        raise UsageError(
            f"There are {len(slices([*known, *alerts]))} slices; a deployment has at most {SLICES}",
            code="too-many-slices",
            where="where",
            why="Each slice is counted apart, in every minute that is kept.",
            fix="leave out the alerts of small slices",
            kept="nothing was made",
        )


def check_sample(capture: Capture, sample: Sampling | None) -> None:
    """Does the model have every denied column? A name with a slip of the pen would let the column through.

    Raises
    ------
    UsageError
        It has not.
    """
    names = capture.record.signature.names
    strange = [name for name in sample.deny if name not in names] if sample is not None else []
    if strange:
        near = difflib.get_close_matches(strange[0], names, n=1)
        raise UsageError(
            f"The model has no column `{strange[0]}` to leave out of the sample",
            code="sample-column",
            where=f"--sample-deny {strange[0]}",
            why=f"It has {', '.join(names[:12])}.",
            fix=f"--sample-deny {(near or names)[0]}",
            kept="nothing was made",
        )


def apply(home: Home, name: str, limits: Limits) -> tuple[Rule, ...]:
    """Make these the limits that `deploy` has declared; those that were added since by hand stay."""
    store = Store(home)
    row = store.deployments.get(name)
    before = set(row.settings.get("alerts", ()))
    said: dict[str, Any] = {}
    if limits.alerts is not None:
        said["alerts"] = [alert.condition for alert in limits.alerts]
    if limits.slo is not None:
        said["slo"] = msgspec.to_builtins(limits.slo)
    if limits.maturation is not None:
        said["maturation"] = limits.maturation
    if limits.sample is not None:
        said["sample"] = msgspec.to_builtins(limits.sample)
    if said:
        known = {rule.text for rule in store.alerts.rules(name)}
        kept = set(said.get("alerts", before))
        for text in sorted((before - kept) & known):
            store.alerts.withdraw(name, text)
        store.alerts.declare(name, limits.wanted)
        if {**row.settings, **said} != row.settings:
            store.deployments.change(name, settings={**row.settings, **said}, verb="settings")
    return tell(home, name)


def tell(home: Home, name: str) -> tuple[Rule, ...]:
    """Tell the service which outcomes feedback may carry, which slices count apart, how long labels wait, which rows are kept."""
    store = Store(home)
    rules = store.alerts.rules(name)
    alerts = [rule.alert for rule in rules]
    row = store.deployments.find(name)
    if row is None:  # it runs elsewhere
        return rules
    settings = row.settings
    waits = duration(settings.get("maturation", "30d"))
    sample = msgspec.convert(settings.get("sample"), Sampling | None)
    LocalTarget(home).tell(name, outcomes=outcomes(alerts), slices=slices(alerts), maturation=waits, sample=sample)
    return rules


def outcomes(alerts: Iterable[Alert]) -> tuple[str, ...]:
    """Names that feedback may carry."""
    return tuple(sorted({alert.outcome for alert in alerts if alert.outcome is not None}))


def slices(alerts: Iterable[Alert]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({pair for alert in alerts for pair in alert.where.items()}))
