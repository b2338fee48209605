"""Which features moved, how far and since when, from counts alone."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from nb2prod.baseline import Baseline, dense
from nb2prod.monitoring import standing
from nb2prod.monitoring.spans import Span, Watch, line, watch
from nb2prod.monitoring.statistics import two_sample
from nb2prod.records.monitoring import FeatureDrift
from nb2prod.store import Store

NAMED = 0.1
"""A drift is named past this many standard deviations of training (for categories Cohen's w, where .1 is a small effect).

What pages has a gate and a test of its own; a month of many rows makes every trivial difference certain.
"""


def drift(
    store: Store, name: str, by: str | None = None, *, version: int | None = None, effect: float = NAMED
) -> list[FeatureDrift]:
    """How far each feature and score stands from training.

    Parameters
    ----------
    by
        None for all time together, else ``"month"``, ``"week"`` or ``"day"`` of event time (UTC).
    version
        By default the version that takes traffic; of a service elsewhere the one whose rows came last.
    effect
        The least shift that is named a drift, certain at its lower bound.

    Returns
    -------
    list of FeatureDrift
        One a feature, and one a feature and period with `by`: by period, then in the model's own order. Without `by` it is what
        stands now: the features of alarms, as alerts tell them, with their figures; the others over the rows since the oldest of
        these changes. With `by`, and where detection has read nothing, what is certain past `effect` is named, and `since` is the
        period in which it began, without a return in between. Empty where nothing was counted yet.
    """
    found = watch(store, name, by, version)
    if found is None:
        return []
    baseline = found.model.baseline
    known = None if by else standing.story(store, name, found.version, found.model.key)
    panes = store.panes.of(name, found.version, found.model.key) if known is not None and known.since else []
    spans = (standing.span(panes, known.since),) if known is not None and panes else found.spans
    records = [one for span in spans if span.rows for one in of_span(baseline, span, effect)]
    if by:
        return _since(records)
    if (known is None or known.replayed) and any(one.drifted for one in records):
        records = _begun(store, name, found, records, effect)
    return records if known is None else [standing.told(one, known) for one in records]


def _begun(store: Store, name: str, found: Watch, whole: list[FeatureDrift], effect: float) -> list[FeatureDrift]:
    """Over all time, with the period in which each began to drift."""
    panes = store.panes.of(name, found.version, found.model.key)
    course = drift(store, name, line(panes), version=found.version, effect=effect) if panes else []
    since = {one.feature: one.since for one in course}
    return [msgspec.structs.replace(one, since=since.get(one.feature) if one.drifted else None) for one in whole]


def of_span(baseline: Baseline, span: Span, effect: float = NAMED) -> list[FeatureDrift]:
    """Each feature in one span."""
    counts = dense(span.counts, baseline)
    names = [feature.name for feature in baseline.features]
    return [two_sample(baseline, counts, name, period=span.period, effect=effect) for name in names]


def _since(records: list[FeatureDrift]) -> list[FeatureDrift]:
    began: dict[str, str | None] = defaultdict(lambda: None)
    told = []
    for one in records:
        began[one.feature] = (began[one.feature] or one.period) if one.drifted else None
        told.append(msgspec.structs.replace(one, since=began[one.feature]))
    return told
