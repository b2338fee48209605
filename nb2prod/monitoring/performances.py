"""How good the model is: realised where labels came, estimated from its scores where they did not."""

from __future__ import annotations

import msgspec

from nb2prod.baseline import Baseline, dense
from nb2prod.monitoring.spans import Span, watch
from nb2prod.monitoring.statistics import estimate, realised
from nb2prod.monitoring.statistics.reconcile import reconcile
from nb2prod.monitoring.statistics.risk import ALIASES, of_share, unread
from nb2prod.records.monitoring import Performance
from nb2prod.runtime.tally import AGREED, PREDICTED
from nb2prod.store import Store
from nb2prod.store.panes import Sparse

_METRICS = {
    "binary": ("accuracy", "roc_auc", "positive_share"),
    "multiclass": ("accuracy",),
    "class": ("accuracy",),
    "regression": ("mae", "rmse", "bias"),
}


def performance(
    store: Store, name: str, metric: str | None = None, by: str | None = None, *, version: int | None = None
) -> list[Performance]:
    """What labels say, and what scores predict.

    Parameters
    ----------
    metric
        ``"accuracy"``, ``"roc_auc"``, ``"positive_share"``, ``"mae"``, …; None for those that fit the model.
    by
        None for all time together, else ``"month"``, ``"week"`` or ``"day"`` of event time (UTC).
    version
        By default the version that takes traffic; of a service elsewhere the one whose rows came last.

    Returns
    -------
    list of Performance
        `realised` from `n` labels; where none came `value`, `low` and `high` are the estimate's, over `n` rows. `predicted`
        stands beside both, `reconciled` is what labels and scores say together. `interval` says whether `low` and `high` hold
        at any time, however often one looks (realised), or at one look (estimated). `note` says why a figure is missing.
    """
    found = watch(store, name, by, version)
    if found is None:
        return []
    baseline = found.model.baseline
    metrics = (ALIASES.get(metric, metric),) if metric else metrics_of(baseline)
    return [of_span(baseline, span, one) for one in metrics for span in found.spans]


def metrics_of(baseline: Baseline) -> tuple[str, ...]:
    """The metrics that fit a model."""
    return _METRICS[baseline.target.task if baseline.target is not None else "class"]


def of_span(baseline: Baseline, span: Span, metric: str) -> Performance:
    """One metric in one span."""
    counts = dense(span.counts, baseline)
    known = realised(baseline, counts, metric, period=span.period)
    if known.realised is None and metric == "accuracy":
        known = _agreed(span.counts, span.period) or known
    expected = estimate(baseline, counts, metric, period=span.period)
    predicted = expected.predicted
    if predicted is None and metric == "positive_share":
        predicted = _said(span.counts)
    if known.realised is not None:
        return msgspec.structs.replace(known, predicted=predicted, reconciled=reconcile(baseline, counts, metric))
    alone = predicted is None and expected.value is None
    note = known.note if alone else " ".join(filter(None, (expected.note, unread(baseline, counts))))
    return msgspec.structs.replace(expected, predicted=predicted, note=note)


def _agreed(counts: Sparse, period: str | None) -> Performance | None:
    """Accuracy where the classes are not known: how often label and prediction were the same."""
    cells = dict(counts.get(AGREED, ()))
    right, n = cells.get(1, 0), cells.get(0, 0) + cells.get(1, 0)
    if n <= 0:
        return None
    (low, high), value = of_share(right, n), right / n
    return Performance(
        metric="accuracy", period=period, n=n, value=value, low=low, high=high, interval="any time", realised=value
    )


def _said(counts: Sparse) -> float | None:
    """Share of rows whose predicted class was the second of two."""
    cells = dict(counts.get(PREDICTED, ()))
    total = sum(cells.values())
    return cells.get(1, 0) / total if total else None
