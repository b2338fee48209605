"""What monitoring passes on: increments of counts, and the answers to the questions a user asks."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from nb2prod.records.base import Record

Grain = Literal["minute", "hour", "day"]


class Increment(Record, frozen=True, kw_only=True):
    """Counts of one segment for one version and one event period; immutable.

    (`source`, `sequence`, `version`, `model`, `grain`, `period`) names it: a store ignores one that it has. `model` is the
    key of the baseline that it was counted on. `period` is the start of the event period in epoch seconds (UTC),
    `arrived` the arrival minute, `moment` when its rows arrived on average. `counts` maps a counter's name to a sparse list of
    (bucket, count).
    """

    source: str
    sequence: int
    name: str
    version: int
    model: str = ""
    grain: Grain
    period: int
    arrived: int
    moment: float | None = None
    rows: int
    counts: dict[str, list[tuple[int, int]]]


class FeatureDrift(Record, frozen=True, kw_only=True):
    """How far one feature stands from training, over all time or a period.

    Where detection watches, `drifted` says that an alarm of it stands, with the alarm's figures and its `since`; of one that is
    over, `since` and `until` say when it stood and `was` what it said. `span` is when the figures' rows begin; None for all.
    """

    feature: str
    period: str | None
    rows: int
    effect: float
    low: float
    drifted: bool
    direction: str = ""
    since: str | None = None
    until: str | None = None
    was: str = ""
    span: str | None = None
    p_value: float | None = None
    psi: float | None = None
    ks: float | None = None


class Reconciled(Record, frozen=True, kw_only=True):
    """A share from few labels and many scores: right where scores alone would be wrong, and narrower than labels alone.

    `low` and `high` hold at any time, however often one looks. The labelled rows are taken for a random sample of those scored.
    """

    value: float
    low: float
    high: float
    labels: int
    rows: int


class Performance(Record, frozen=True, kw_only=True):
    """One metric over one period, realised from labels and predicted from scores.

    `interval` is what `low` and `high` are: ``"any time"``, with probability .95 right at all looks of a life (realised), or
    ``"one look"`` (estimated); empty where there are none. `reconciled` is what labels and scores say together: of accuracy
    and the share of positives, since other metrics are no means and numbers have no scores.
    """

    metric: str
    period: str | None
    n: int
    value: float | None
    low: float | None
    high: float | None
    interval: Literal["", "any time", "one look"] = ""
    predicted: float | None = None
    realised: float | None = None
    reconciled: Reconciled | None = None
    note: str = ""


class Feedback(Record, frozen=True, kw_only=True):
    """One label or outcome that came after a prediction."""

    id: Any = None
    request_id: str | None = None
    row: int = 0
    label: Any = msgspec.UNSET
    outcomes: dict[str, float] = {}
    time: Any = None


class Alarm(Record, frozen=True, kw_only=True):
    """One change that was certain enough and large enough to wake someone.

    `kind` is drift, missing, type, unseen, range, prediction, confidence, multivariate or performance. `effect` is the size
    of the change in training's standard deviations and `bound` its lower bound. `first_row` is the row (from 0, in order
    of arrival) at which the change most likely began, `earliest` and `latest` what else is likely, `raised` the number of
    rows seen when it was told, `ended` the row at which it was over. Alarms of one `group` began together.

    `risk` is what it does to the estimated share of wrong answers, between `risk_low` and `risk_high`; None where no hold-out
    scores tell. `matters` says so in words. `severity` is ``note`` where the estimated risk is certain to stay as it was or to
    fall: it is shown and nobody is woken; else ``page``.
    """

    feature: str
    kind: str
    effect: float
    bound: float
    first_row: int
    earliest: int
    latest: int
    raised: int
    direction: str
    group: int
    evidence: float
    since: str | None = None
    ended: int | None = None
    risk: float | None = None
    risk_low: float | None = None
    risk_high: float | None = None
    matters: str = ""
    severity: Literal["page", "note"] = "page"

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Sorts alarms: pages first, then by what they do to the estimated risk, then by their size."""
        return self.severity == "note", -(self.risk if self.risk is not None else 0.0), -self.bound
