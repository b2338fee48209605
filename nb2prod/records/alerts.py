"""What a user wants to be told of, in plain words, and what was told: limits, service levels, alerts with begin and end."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any, ClassVar, Literal

import msgspec

from nb2prod.errors import UsageError
from nb2prod.records.alert_text import duration, read, written, wrong_alert
from nb2prod.records.base import Record

OF_CLASSES = ("accuracy", "precision", "recall", "f1", "false_positives", "false_negatives")
OF_NUMBERS = ("mae", "bias")
REALISED = (*OF_CLASSES, *OF_NUMBERS)
"""Metrics that follow from labels; every other name is an outcome that feedback carries."""
UNBOUNDED = (
    *("roc_auc", "auc", "average_precision", "balanced_accuracy", "specificity", "log_loss", "brier", "mcc", "kappa"),
    *("rmse", "mse", "mape", "r2", "positive_share"),
)
"""Names of other metrics of labels: whoever types one means the metric and no outcome, and no interval at all times is known."""
OUTCOME = "outcome:"
COSTS = {"false_positive_cost": "false_positives", "false_negative_cost": "false_negatives"}
SERVICE = ("rejected", "availability", "slow")
"""Metrics of the service itself."""
SLICES = 20

Per = Literal["prediction", "label"]
_NAME = re.compile(r"(outcome:)?[A-Za-z_][\w.\-]{0,63}")
STOP = "stop canary"
_THEN = re.compile(rf"notify|rollback|{STOP}|run .+", re.DOTALL)


class Alert(Record, frozen=True):
    """A limit on a metric: told when it is certain that the metric has passed it.

    Parameters
    ----------
    metric
        An outcome that feedback carries (``conversion``, ``complaints``, ``cost``: anything numeric), or what follows from
        labels: ``accuracy``, ``precision``, ``recall``, ``f1``, ``false_positives``, ``false_negatives`` (shares of all labels);
        of numbers ``mae``, ``bias``. An outcome by the name of a metric is ``outcome:f1``.
    above, below
        The limit; one of them.
    over
        The window that ends now: ``30m``, ``12h``, ``7d``, ``2w``.
    per
        What an outcome is divided by: None for those that carried it, ``"prediction"`` for all predictions in the window,
        ``"label"`` for all labels.
    where
        A slice, one column's value: ``{"carrier": "UA"}``; in the text form ``where carrier=UA``, ``where city='New York'``.
    min_count
        Below so many, nothing is said.
    within
        The least and greatest value that an outcome can have, where that is certain: the interval is then exact for values that
        are neither 0 nor 1, otherwise it holds for large counts.
    each
        What one false positive or negative costs, for ``false_positive_cost`` and ``false_negative_cost`` from labels; without it
        the costs come as outcomes.
    then
        What is done: ``notify``, ``rollback``, ``stop canary``, ``run COMMAND`` (the alert's JSON on its standard input). Every
        limit is read of a canary's rows too, apart from those of the version that has the traffic: where it is passed by the
        canary's, ``rollback`` stops the canary and no more; ``stop canary`` does nothing where it is passed by the other's.

    Examples
    --------
    >>> str(Alert("false_positive_cost", above=2.0, per="prediction", over="7d", min_count=500))
    'false_positive_cost above 2 per prediction over 7d min 500'
    >>> Alert.parse("conversion below 0.03 over 7d where carrier=UA").where
    {'carrier': 'UA'}
    """

    SCHEMA: ClassVar[int] = 1

    metric: str
    above: float | None = None
    below: float | None = None
    over: str = "7d"
    per: Per | None = None
    where: dict[str, str] = {}
    min_count: int = 200
    within: tuple[float, float] | None = None
    each: float | None = None
    then: tuple[str, ...] = ("notify",)

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise wrong_alert(problem, repr_of(self))
        msgspec.structs.force_setattr(self, "then", tuple(_listed(self.then)))
        if self.within is not None:
            msgspec.structs.force_setattr(self, "within", tuple(map(float, self.within)))
        where = {str(column): str(value) for column, value in self.where.items()}
        msgspec.structs.force_setattr(self, "where", where)

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return duration(self.over)

    @property
    def limit(self) -> float:
        return float(self.above if self.above is not None else self.below or 0.0)

    @property
    def slice(self) -> str:
        """``column=value``; empty for all rows."""
        return next((f"{column}={value}" for column, value in self.where.items()), "")

    @property
    def outcome(self) -> str | None:
        """The outcome that feedback must carry for it; None where it follows from labels or the service."""
        if self.metric in REALISED or self.metric in SERVICE or (self.metric in COSTS and self.each is not None):
            return None
        return self.metric.removeprefix(OUTCOME)

    @property
    def condition(self) -> str:
        """The text form without what is done: it names the limit, whose place in the error budget is its own."""
        words = [self.metric, "above" if self.above is not None else "below", f"{self.limit:.10g}"]
        words += [f"per {self.per}"] if self.per else []
        words += [f"each {self.each:.10g}"] if self.each is not None else []
        words += [f"within {self.within[0]:.10g}..{self.within[1]:.10g}"] if self.within else []
        words += [f"over {self.over}"]
        words += [f"where {written(*pair)}" for pair in self.where.items()]
        words += [f"min {self.min_count}"] if self.min_count != 200 else []
        return " ".join(words)

    def __str__(self) -> str:
        """The text form; what `parse` reads."""
        then = [f"then {one}" for one in self.then] if self.then != ("notify",) else []
        return " ".join((self.condition, *then))

    @classmethod
    def parse(cls, text: str) -> Alert:
        """Read the text form.

        Raises
        ------
        UsageError
            It is no alert; says what is off and how one reads.
        """
        metric, fields = read(text)
        return cls(metric, **fields)


class SLO(Record, frozen=True):
    """Service levels: at most 1 % of answers slower than `p99_ms`, at least `availability` of requests without an error of ours.

    Each is told when the last hour shows for certain that it is missed.

    Examples
    --------
    >>> [str(alert) for alert in SLO(p99_ms=50, availability=0.999).alerts()]
    ['slow above 0.01 over 1h', 'availability below 0.999 over 1h']
    """

    p99_ms: float | None = None
    availability: float | None = None

    def __post_init__(self) -> None:
        if self.p99_ms is None and self.availability is None:
            raise wrong_slo("It names neither p99_ms nor availability.")
        if self.p99_ms is not None and not (_number(self.p99_ms) and 0 < self.p99_ms < 1e6):
            raise wrong_slo("p99_ms is a number of milliseconds.")
        if self.availability is not None and not (_number(self.availability) and 0 < self.availability < 1):
            raise wrong_slo("availability is a share between 0 and 1.")

    def alerts(self) -> tuple[Alert, ...]:
        """The limits that it stands for."""
        found = [Alert("slow", above=0.01, over="1h")] if self.p99_ms is not None else []
        if self.availability is not None:
            found.append(Alert("availability", below=self.availability, over="1h"))
        return tuple(found)


Verdict = Literal["page", "warn", "unsure", "fine", "waiting"]


class Reading(Record, frozen=True, kw_only=True):
    """Where a metric stands in the window that ends now.

    `verdict` is ``page`` where the whole interval is past the limit, ``warn`` where the value is past it and the interval is not,
    ``unsure`` where the value is not and the interval is, ``fine`` where none of it is, ``waiting`` below the least count.
    `version` is the one that it was read of.
    """

    verdict: Verdict = "waiting"
    n: int = 0
    value: float | None = None
    low: float | None = None
    high: float | None = None
    since: float | None = None
    method: str = ""
    version: int | None = None


class Rule(Record, frozen=True, kw_only=True):
    """An alert that a deployment has: its place in the error budget, and where its metric stands."""

    name: str
    alert: Alert
    text: str
    place: int
    added: str
    reading: Reading = Reading()


class Moved(Record, frozen=True, kw_only=True):
    """What one alarm of an alert said of one feature: its words, its size and what is certain of it, in training's deviations.

    `first` is when the change most likely began, `earliest` and `latest` what else is likely, `ended` when it was over (epoch
    seconds); None while it stands.
    """

    feature: str
    kind: str
    direction: str
    effect: float
    bound: float
    first: float
    earliest: float | None = None
    latest: float | None = None
    ended: float | None = None


class AlertRecord(Record, frozen=True, kw_only=True):
    """One cause that was told: what, how far it matters, what to try, what was done; over when `ended` is set.

    `key` names it for ever, `moved` are the alarms that it is made of. Times are epoch seconds; `first` is when the change most
    likely began. `successor` is the version that took over, where it ended because its own lost the traffic. A `note` is shown
    and nobody is told.
    """

    id: int = 0
    key: str
    name: str
    version: int
    kind: str
    subject: str
    title: str
    what: str
    matters: str = ""
    rows: str = ""
    tries: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    first: float
    raised: float
    ended: float | None = None
    successor: int | None = None
    acknowledged: float | None = None
    by: str = ""
    done: tuple[str, ...] = ()
    severity: Literal["page", "note"] = "page"

    def text(self) -> str:
        """As mail, Slack or a terminal show it."""
        lines = [self.title]
        said = ("what", self.what), ("matters", self.matters), ("rows", self.rows), ("try", " · ".join(self.tries))
        for label, words in (*said, ("done", "; ".join(self.done))):
            if words:
                lines.append(f"  {label:<8} {words}")
        return "\n".join(lines)


class Silence(Record, frozen=True, kw_only=True):
    """A time in which nothing is told or done: of one subject (a column, a metric, a kind), or of all (`*`)."""

    id: int
    name: str
    subject: str
    until: float
    reason: str = ""
    by: str = ""


def way_back(name: str) -> str:
    """The line that rolls a deployment back."""
    return f"nb2prod rollback {name}"


def canary_end(name: str) -> str:
    """The line that ends a deployment's canary."""
    return f"nb2prod canary {name} --stop"


def repr_of(alert: Alert) -> str:
    limits = [f"{name}={value!r}" for name in ("above", "below") if (value := getattr(alert, name)) is not None]
    return f"Alert({', '.join([repr(alert.metric), *limits])}, …)"


def _problem(alert: Alert) -> str:
    return _of_metric(alert) or _of_numbers(alert) or _of_rest(alert)


def _of_metric(alert: Alert) -> str:
    if not isinstance(alert.metric, str) or not _NAME.fullmatch(alert.metric):
        return "A metric is a name: letters, digits, _, - and dots."
    if alert.metric in UNBOUNDED:
        return (
            f"No interval is known for {alert.metric} that holds whenever one looks. From labels there are "
            f"{', '.join(REALISED)}; an outcome of that name that feedback carries is {OUTCOME}{alert.metric}."
        )
    return ""


def _of_numbers(alert: Alert) -> str:
    limits = [limit for limit in (alert.above, alert.below) if limit is not None]
    if len(limits) != 1:
        return "It has one limit: above or below."
    if not _number(limits[0]):
        return "A limit is a finite number."
    if not isinstance(alert.min_count, int) or isinstance(alert.min_count, bool) or alert.min_count < 1:
        return "`min_count` is a whole number of at least 1."
    within = alert.within
    if within is not None and not (
        isinstance(within, tuple | list) and len(within) == 2 and all(map(_number, within)) and within[0] < within[1]
    ):
        return "`within` is the least and the greatest value, such as within 0..500."
    if alert.each is not None and alert.metric not in COSTS:
        return f"`each` is for {' and '.join(COSTS)}."
    return "" if alert.each is None or (_number(alert.each) and alert.each > 0) else "`each` is a number above 0."


def _of_rest(alert: Alert) -> str:
    duration(alert.over)
    if alert.per not in (None, "prediction", "label"):
        return "`per` is prediction or label."
    if not isinstance(alert.where, dict) or len(alert.where) > 1:
        return "A slice is one column's value, such as where carrier=UA."
    given = _listed(alert.then)
    if not given or not all(isinstance(one, str) and _THEN.fullmatch(one) for one in given):
        return f"`then` is notify, rollback, {STOP} or run COMMAND."
    return ""


def _number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _listed(then: Any) -> list[Any]:
    return list(then) if isinstance(then, tuple | list) else [then]


def wrong_slo(why: str) -> UsageError:
    return UsageError(
        "That is no service level",
        code="wrong-slo",
        where="service levels",
        why=why,
        fix="--p99-ms 50 --availability 0.999      (slo=SLO(p99_ms=50, availability=0.999))",
        kept="nothing was changed",
    )
