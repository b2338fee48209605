"""A life of a deployment under watch: counts in, alarms out, at most one calm life in twenty with any."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from nb2prod.baseline import Baseline, Counts, add_counts, order
from nb2prod.baseline.columns import aligned, take
from nb2prod.baseline.scores import UNREAD, must_fit, must_match, plain
from nb2prod.baseline.seasons import HOUR, moments, times_of
from nb2prod.errors import Conflict
from nb2prod.monitoring import snapshot
from nb2prod.monitoring.arguments import moment, must_be, must_be_rate, must_count, tell_double
from nb2prod.monitoring.statistics.detector import Detector
from nb2prod.monitoring.statistics.discoveries import e_bh
from nb2prod.monitoring.statistics.episodes import Episodes
from nb2prod.monitoring.statistics.gaps import GATE
from nb2prod.monitoring.statistics.hanging import Hanging
from nb2prod.monitoring.statistics.harm import Harm
from nb2prod.monitoring.statistics.labelrisk import LabelRisk
from nb2prod.monitoring.statistics.ladder import Ladder
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.reconcile import reconcile
from nb2prod.monitoring.statistics.risk import estimate, realised, unread
from nb2prod.monitoring.statistics.scales import Floats, Ints
from nb2prod.monitoring.statistics.seasonal import UNTIMED, Seasonal, Visit
from nb2prod.records.monitoring import Alarm, Performance

if TYPE_CHECKING:
    from nb2prod.monitoring.report import Page

BET_ROWS = 200
BET_SECONDS = 3600.0
# of the error budget: features and scores, the columns together, labels; the rest is for business figures
SHARE_FEATURES, SHARE_TOGETHER, SHARE_LABELS = 0.8, 0.05, 0.05
_QUEUE = 5000


@dataclass(eq=False)
class _Open:
    """Increments that wait for their bet."""

    counts: Ints
    rows: int
    time: float | None
    cells: Ints
    visits: dict[int, Visit]
    compared: Ints

    def join(self, other: _Open) -> None:
        self.counts = self.counts + other.counts
        self.cells = self.cells + other.cells
        self.compared = self.compared + other.compared
        self.rows += other.rows
        for hour, visit in other.visits.items():
            if hour in self.visits:
                self.visits[hour].add(visit)
            else:
                self.visits[hour] = visit


class Monitor:
    """Watch rows against a baseline.

    Parameters
    ----------
    baseline
        What the model was trained on.
    false_alarm_rate
        Of calm lives, the share with any alarm at all, over all columns and scores, however often one looks.
    effect
        The least change worth an alarm, in training's standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> monitor = Monitor(Baseline.from_frame({"x": np.random.default_rng(0).normal(size=5000)}))
    >>> monitor.update({"x": np.random.default_rng(1).normal(1, 1, 500)})
    >>> [alarm.feature for alarm in monitor.alarms()]
    ['x']
    """

    def __init__(self, baseline: Baseline, false_alarm_rate: float = 0.05, effect: float = GATE) -> None:
        must_be(baseline, Baseline, "Monitor(baseline)", "monitor = Monitor(Baseline.from_frame(X_train))")
        must_be_rate(
            "false_alarm_rate", false_alarm_rate, "a share above 0 and below 1", 0.05, false_alarm_rate != 0, 1.0
        )
        must_be_rate("effect", effect, "a number of training's standard deviations, 0 or above", GATE)
        self.baseline = baseline
        self.false_alarm_rate = false_alarm_rate
        self.effect = effect
        self.rows = 0
        self._came: float | None = None
        self._counts: Counts = {}
        self._queue: list[_Open] = []
        layout = Layout.of(baseline)
        self._layout = layout
        self._seasonal = Seasonal(baseline, layout)
        self._detector = Detector(layout, self._seasonal)
        self._sums = np.zeros((len(layout.features), layout.width), dtype=np.int64)
        self._ladder = Ladder(self._sums, np.zeros(self._seasonal.number, np.int64))
        self._hanging = Hanging(baseline, layout)
        self._harm = Harm(baseline)
        self._episodes = Episodes(layout, _limits(layout, false_alarm_rate), effect, self._harm, self._seasonal)
        self._seen = 0
        self._risk = LabelRisk.of(baseline, SHARE_LABELS * false_alarm_rate)

    # -- counts in

    def update(
        self, frame: Any, scores: Any = None, *, labels: Any = None, time: Any = None, times: Any = None
    ) -> None:
        """Count rows, and what the model said for them.

        Parameters
        ----------
        frame
            Any frame that `Baseline.from_frame` takes; columns may be missing, more, in another order or of mixed types. An
            array has no names: its columns are taken by position, as many as the baseline has. Of a name that is there twice
            every row counts as of another type, since it cannot be told which one is meant, and a warning says so.
        scores
            Probabilities or predictions of these rows, with the columns of the hold-out's.
        labels
            What came true, where it is known already; of these rows, with their `scores`.
        time
            When they arrived: epoch seconds, or a date-time.
        times
            When each row happened, as in `Baseline.from_frame`: columns that follow the hours of the week are compared with
            their own hour. Left out, the frame's index where it is one of date-times, else `time`.

        Raises
        ------
        UsageError
            These are no rows; scores, labels or times are not one a row, or scores of another number of classes.
        """
        time = moment(time)
        columns, rows = aligned(frame, self.baseline.names)
        tell_double(frame, columns, self.baseline.names)
        must_fit(scores, self.baseline.target)
        for noun, given in (("scores", scores), ("labels", labels)):
            if given is not None:
                must_match(noun, given, rows, "rows")
        truth = None if labels is None else plain(labels)
        seasonal = len(self._seasonal.rows) > 0
        known = times_of(frame) if times is None and seasonal else times
        happened = moments(known, rows)
        if not seasonal or not len(happened):
            told = {} if truth is None else self.baseline.count_labels(scores, truth)
            self.add(self.baseline.count(columns, scores=scores, n=rows, ordered=True) | told, rows, time=time)
            return
        hour = np.floor(happened / HOUR)
        for one in np.unique(hour):  # those without a time are one NaN, and last
            part = np.flatnonzero(np.isnan(hour) if np.isnan(one) else hour == one)
            said = None if scores is None else take(plain(scores), part)
            counts = self.baseline.count(
                {name: take(column, part) for name, column in columns.items()}, said, len(part), ordered=True
            )
            told = {} if truth is None else self.baseline.count_labels(said, take(truth, part))
            self.add(counts | told, len(part), time=time, happened=float(happened[part].mean()))

    def add(
        self, counts: Mapping[str, Any], rows: int, *, time: float | None = None, happened: float | None = None
    ) -> None:
        """Take counts that someone else made (`Baseline.count`), of so many rows of one hour.

        `happened` is the mean of the rows' own times, where that is not when they arrived; NaN where it is not known. Counts of
        labels have that of the rows that they are for.
        """
        must_count(counts, self.baseline.sizes)
        compared = counts.get(order.NAME)
        counts = {name: array for name, array in counts.items() if name != order.NAME}
        self._counts = add_counts(self._counts, counts)
        self.rows += rows
        self._risk.add(counts, self.rows, self._episodes.alarms, time if happened is None else happened)
        if rows:
            self._came = time
            self._enqueue(self._opened(self._layout.matrix(counts), rows, time, happened, compared))
        if len(self._queue) > _QUEUE:
            self._play()

    def _opened(
        self, counts: Ints, rows: int, time: float | None, happened: float | None, compared: Ints | None
    ) -> _Open:
        moment = time if happened is None else happened
        known = moment is not None and np.isfinite(moment)
        hour = int(moment // HOUR) if moment is not None and known else UNTIMED
        cells = np.zeros(self._seasonal.number, np.int64)
        cells[self._seasonal.cell(hour)] = rows
        visits: dict[int, Visit] = {}
        if len(self._seasonal.rows) and (known or moment is None):
            place = (moment / HOUR - hour - 0.5) * rows if moment is not None else 0.0
            visits[hour] = Visit(0, counts[self._seasonal.rows], place, rows)
        if compared is None:
            compared = np.zeros(order.size(self._layout.features), np.int64)
        return _Open(counts, rows, time, cells, visits, compared)

    def _enqueue(self, fresh: _Open) -> None:
        """Join the last bet while it has too few rows and is not too old."""
        last = self._queue[-1] if self._queue else None
        if last is None or last.rows >= BET_ROWS or _apart(last.time, fresh.time) >= BET_SECONDS:
            self._queue.append(fresh)
            return
        last.join(fresh)

    def merge(self, other: Monitor) -> None:
        """Add another monitor's counts, and queue what it has not bet on yet.

        Raises
        ------
        Conflict
            Both have bet already: evidence cannot be added up. Ask one of them for alarms only after merging.
        """
        must_be(other, Monitor, "monitor.merge(other)", "other = Monitor(baseline)")
        if _watched(other.baseline) != _watched(self.baseline):
            raise Conflict(
                "The monitors watch different baselines",
                code="different-baselines",
                where="monitor.merge(other)",
                why="Counts add up where they were counted on the same blocks, and these two were frozen from other rows.",
                fix="other = Monitor(monitor.baseline)",
                kept="nothing was merged",
            )
        if self._detector.bets and other._detector.bets:
            raise Conflict(
                "Both monitors have been asked for alarms already",
                code="both-have-bet",
                where="monitor.merge(other)",
                why="Evidence of two histories cannot be added up; counts can.",
                fix="merge first, then ask alarms()",
                kept="nothing was merged",
            )
        if other._detector.bets:
            self._detector = other._detector
            self._ladder, self._hanging, self._episodes = other._ladder, other._hanging, other._episodes
            self._sums, self._seen = other._sums, other._seen
        self._counts = add_counts(self._counts, other._counts)
        self.rows += other.rows
        self._risk.add(other._counts, self.rows, self._episodes.alarms)
        self._came = other._came if self._came is None else max(self._came, other._came or self._came)
        for waiting in copy.deepcopy(other._queue):
            self._enqueue(waiting)

    # -- kept over a restart

    def state(self) -> bytes:
        """Counts, evidence and alarms: `from_state` goes on where this stands, and takes no bet twice."""
        kept = ("baseline", "_layout", "_harm", "_seasonal")
        held = {name: value for name, value in vars(self).items() if name not in kept}
        return snapshot.pack(held, self.baseline, self._fixed())

    @classmethod
    def from_state(cls, baseline: Baseline, state: bytes) -> Monitor:
        """The monitor that `state` was taken of.

        Raises
        ------
        Conflict
            Another version of nb2prod wrote it, or it belongs to another baseline: start anew from the counts.
        """
        made = cls(baseline)
        vars(made).update(snapshot.unpack(state, baseline, made._fixed()))
        return made

    def _fixed(self) -> dict[str, Any]:
        """What follows from the baseline and the code alone."""
        detector = self._detector
        return {
            "baseline": self.baseline,
            "layout": self._layout,
            "harm": self._harm,
            "seasonal": self._seasonal,
            "tilts": detector._tilts,
            "buckets": detector._buckets,
        }

    @property
    def counts(self) -> Counts:
        """All counts so far, whole numbers by counter."""
        return {name: array.copy() for name, array in self._counts.items()}

    def counts_since(self) -> tuple[int, Counts]:
        """The first row of the oldest alarm that stands, and the counts of the rows since then; 0 and all where none does."""
        self._play()
        counts, start = self.counts, self._episodes.since()
        if start is None:
            return 0, counts
        for row, feature in enumerate(self._layout.features):
            if feature.name in counts:
                counts[feature.name] -= start.sums[row, : feature.size]
        return start.rows, counts

    # -- verdicts out

    def changed(self, rate: float = 0.1) -> tuple[str, ...]:
        """Counters to look at now, of which at most a share `rate` is calm, however they hang together (e-BH); wakes nobody."""
        must_be_rate("rate", rate, "a share above 0 and below 1", 0.1, rate != 0, 1.0)
        self._play()
        found = e_bh(np.where(self._episodes.crossed, np.inf, self._detector.evidence), rate)
        return tuple(one.name for one, told in zip(self._layout.features, found, strict=True) if told)

    def alarms(self, *, now: float | None = None) -> tuple[Alarm, ...]:
        """Every alarm of this life, in the order they were told; the list only grows, an alarm that is over says so.

        Sort by `rank` for what matters most: pages before notes, then by what each does to the estimated risk.


        `now` closes a bet that has waited for an hour though it has few rows, and the hour of a season after which none came.
        """
        self._play(now)
        return tuple(self._episodes.alarms)

    def _play(self, now: float | None = None) -> None:
        """Bet on what is ready."""
        while self._queue and (self._queue[0].rows >= BET_ROWS or _apart(self._queue[0].time, now) >= BET_SECONDS):
            self._bet(self._queue.pop(0))
        if _apart(self._came, now) >= BET_SECONDS and self._detector.close():
            self._episodes.look(self._detector, self._ladder, self._factor())

    def _bet(self, ready: _Open) -> None:
        self._hanging.compare(ready.counts, ready.compared)
        self._detector.bet(ready.counts, self._factor(), ready.visits)
        self._hanging.see(ready.counts)
        self._sums = self._sums + ready.counts
        self._seen += ready.rows
        self._ladder.add(self._detector.bets, self._seen, self._sums, ready.time, ready.cells)
        self._episodes.look(self._detector, self._ladder, self._factor())

    def _factor(self) -> Floats:
        """By how much each counter's rows are fewer than they look; of those with seasons inside their own hours."""
        found = self._hanging.factor.copy()
        found[self._seasonal.rows] = self._detector.hours.factor
        return found

    def report(self, feature: str | None = None) -> Page:
        """All of it to look at: a summary, as text, JSON and HTML that stands alone.

        Parameters
        ----------
        feature
            One column alone.
        """
        from nb2prod.monitoring.report import Page, of_monitor

        return Page(of_monitor(self, feature))

    def performance(self, metric: str = "accuracy") -> Performance:
        """A metric over all rows so far: realised where labels came, else estimated from calibrated scores.

        Returns
        -------
        Performance
            `low`, `value`, `high`; `interval` says whether the bounds hold at any time, however often one looks (realised), or at
            one look (estimated). `predicted` and `realised` where each is known, `reconciled` where labels and scores are;
            `note` says why nothing is.
        """
        expected = estimate(self.baseline, self._counts, metric)
        if not any(name in self._counts for name in ("@labels", "@confusion", "@errors", UNREAD)):
            return expected
        known = realised(self.baseline, self._counts, metric)
        if known.value is not None:
            both = reconcile(self.baseline, self._counts, known.metric)
            said = expected.note if expected.predicted is not None else ""
            note = " ".join(filter(None, (known.note, said)))
            return replace(known, predicted=expected.value, reconciled=both, note=note)
        if expected.value is None:
            return replace(expected, note=known.note or expected.note)
        return replace(expected, note=" ".join(filter(None, (expected.note, unread(self.baseline, self._counts)))))


def _watched(baseline: Baseline) -> tuple[Any, ...]:
    """What counts must have in common to be added up."""
    return baseline.digest, baseline.scores_digest, baseline.target and baseline.target.classes, baseline.sizes


def _apart(a: float | None, b: float | None) -> float:
    return 0.0 if a is None or b is None else b - a


def _limits(layout: Layout, rate: float) -> Floats:
    """ln of the evidence at which each counter has passed."""
    alone = [feature.role != "multivariate" for feature in layout.features]
    count = max(sum(alone), 1)
    limits = [count / (SHARE_FEATURES * rate) if single else 1 / (SHARE_TOGETHER * rate) for single in alone]
    return np.asarray(np.log(np.array(limits)), dtype=np.float64)
