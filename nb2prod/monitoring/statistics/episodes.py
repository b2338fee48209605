"""From evidence to alarms: when it passes, whether it matters, what stands, when it is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from nb2prod.baseline import Feature
from nb2prod.monitoring.statistics.detector import Detector
from nb2prod.monitoring.statistics.directions import direction
from nb2prod.monitoring.statistics.gaps import Gap, effective, gaps
from nb2prod.monitoring.statistics.harm import Harm, Shift
from nb2prod.monitoring.statistics.ladder import Ladder, Rung
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.scales import Floats, Ints, prior
from nb2prod.monitoring.statistics.seasonal import Seasonal
from nb2prod.records.monitoring import Alarm

_Z = 1.64
# of the many windows of a drift that stands, about one in two thousand lies so far off it by chance
_SURE = 3.5
_REST_ROWS = 1600
_END_ROWS = 4000
_LEARN_ROWS = 1000
_LOOK_ROWS = 500
_FAINT = 0.1


@dataclass(eq=False)
class Episode:
    """A change that stands: what calm was, since when it is over, and which measure told it."""

    alarm: int
    calm: Ints
    gap: Gap
    start: Rung
    learning: bool = True
    looked: int = 0


class Episodes:
    """The alarms of a life, in the order in which they were told."""

    def __init__(self, layout: Layout, limits: Floats, effect: float, harm: Harm, seasonal: Seasonal) -> None:
        self.layout = layout
        self.harm = harm
        self.seasonal = seasonal
        self.limits = limits
        self.effect = effect
        self.alarms: list[Alarm] = []
        self.crossed: NDArray[np.bool_] = np.zeros(len(layout.features), dtype=np.bool_)
        self._standing: dict[int, Episode] = {}
        nothing = np.zeros((len(layout.features), layout.width), np.int64)
        origin = Rung(0, 0, nothing, None, np.zeros(seasonal.number, np.int64))
        self._born = [origin] * len(layout.features)

    def since(self) -> Rung | None:
        """Before the first row of the oldest change that stands; None where none does."""
        return min((one.start for one in self._standing.values()), key=lambda rung: rung.rows, default=None)

    def look(self, detector: Detector, ladder: Ladder, factor: Floats) -> None:
        """Read the evidence after a bet."""
        over = detector.evidence >= self.limits
        # a season's gate compares few rows of a few hours: it counts only while the evidence stands
        own = [row for row in self.seasonal.rows.tolist() if row not in self._standing]
        self.crossed |= over
        self.crossed[own] = over[own]
        fresh = [row for row in np.flatnonzero(self.crossed).tolist() if row not in self._standing]
        fresh = sorted(fresh, key=lambda row: self.layout.features[row].role == "multivariate")
        told = [row for row in fresh if self._begin(row, detector, ladder, factor)]
        for row in [row for row in self._standing if row not in told]:
            self._stand(row, detector, ladder, factor)

    def _begin(self, row: int, detector: Detector, ladder: Ladder, factor: Floats) -> bool:
        """A calm counter whose evidence has passed: tell it if it matters, and if no column of its own explains it."""
        feature = self.layout.features[row]
        if feature.role == "multivariate" and self._standing:
            return False
        start = max(ladder.since(detector.start(row)), self._born[row], key=lambda rung: rung.bet)
        calm = self._calm(row, start, ladder)
        live = self._window(row, start, ladder)
        gap = self._matters(feature, calm, live, float(factor[row]))
        if gap is None:
            return False
        self._tell(row, detector, ladder, start, gap, direction(feature, calm, live, gap))
        episode = Episode(len(self.alarms) - 1, calm, gap, start, looked=ladder.rungs[-1].rows)
        self._judge(row, episode, ladder, factor)
        self._standing[row] = episode
        detector.stand(row)
        return True

    def _calm(self, row: int, start: Rung, ladder: Ladder) -> Ints:
        """Training's rows and the calm ones since; with seasons training's in the seasons of the rows after the start."""
        feature = self.layout.features[row]
        if row in self.seasonal.rows:
            return self.seasonal.calm(row, ladder.rungs[-1].cells - start.cells)
        before = start.sums[row, : feature.size] - self._born[row].sums[row, : feature.size]
        return np.asarray(feature.reference + before, dtype=np.int64)

    def _window(self, row: int, start: Rung, ladder: Ladder) -> Ints:
        size = self.layout.features[row].size
        return np.asarray(ladder.rungs[-1].sums[row, :size] - start.sums[row, :size], dtype=np.int64)

    def _matters(self, feature: Feature, calm: Ints, live: Ints, factor: float, *, sure: bool = False) -> Gap | None:
        """The gap that passes the gate; `sure` asks that it is past doubt as well, for a start that was picked."""
        if not live.any() or not calm.any():
            return None
        found = [gap for gap in gaps(feature, calm, live, factor=factor, z=_Z) if gap.low >= self.effect]
        if found and sure:
            certain = {gap.measure for gap in gaps(feature, calm, live, factor=factor, z=_SURE) if gap.low > 0}
            found = [gap for gap in found if gap.measure in certain]
        return found[0] if found else None

    def _tell(self, row: int, detector: Detector, ladder: Ladder, start: Rung, gap: Gap, words: str) -> None:
        now = ladder.rungs[-1]
        nearby = [rung.rows for rung in ladder.rungs if rung.bet <= start.bet]
        later = [rung.rows for rung in ladder.rungs if rung.bet > start.bet]
        earliest = nearby[-2] if len(nearby) > 1 else 0
        latest = min(later[0] if later else now.rows, now.rows)
        alarm = Alarm(
            feature=self.layout.features[row].name,
            kind=gap.kind,
            effect=abs(gap.size),
            bound=float(gap.low),
            first_row=start.rows,
            earliest=earliest,
            latest=latest,
            raised=now.rows,
            direction=words,
            group=self._group(start.rows, latest - earliest, now.rows),
            evidence=float(detector.evidence[row]),
            since=None,
        )
        self.alarms.append(alarm)

    def _shifts(self, row: int, episode: Episode, ladder: Ladder, factor: Floats) -> tuple[Shift, Shift | None]:
        """The counter's own counts, and the score's, before and since."""
        before = self._calm(row, episode.start, ladder) if row in self.seasonal.rows else episode.calm
        own = Shift(before, self._window(row, episode.start, ladder), float(factor[row]))
        place = self.layout.index.get("@score")
        if place is None:
            return own, None
        calm = self._calm(place, episode.start, ladder)
        if place not in self.seasonal.rows:
            calm = np.maximum(calm, self.layout.features[place].counts)
        return own, Shift(calm, self._window(place, episode.start, ladder), float(factor[place]))

    def _judge(self, row: int, episode: Episode, ladder: Ladder, factor: Floats) -> None:
        """What the alarm that was just told does to the estimated risk."""
        alarm = self.alarms[episode.alarm]
        own, scores = self._shifts(row, episode, ladder, factor)
        said = self.harm.judge(self.layout.features[row], alarm.kind, own, scores)
        self.alarms[episode.alarm] = replace(
            alarm,
            risk=said.change,
            risk_low=said.low,
            risk_high=said.high,
            matters=said.words,
            severity="page" if said.page else "note",
        )

    def _reconsider(self, row: int, episode: Episode, ladder: Ladder, factor: Floats) -> None:
        """A note of which the scores by now show that it does harm becomes a page; a page stays one."""
        if self.alarms[episode.alarm].severity == "page":
            return
        if self.harm.shown(self.layout.features[row], *self._shifts(row, episode, ladder, factor)):
            self._judge(row, episode, ladder, factor)

    def _group(self, start: int, doubt: int, now: int) -> int:
        """The group of an alarm that stands and began at about the same row; else a new one."""
        for alarm in self.alarms:
            near = max(doubt, alarm.latest - alarm.earliest, (now - start) // 4)
            if alarm.ended is None and abs(alarm.first_row - start) <= near:
                return alarm.group
        return 1 + max((alarm.group for alarm in self.alarms), default=-1)

    def _stand(self, row: int, detector: Detector, ladder: Ladder, factor: Floats) -> None:
        """A counter whose alarm stands: is it over, has it changed further?"""
        episode, now = self._standing[row], ladder.rungs[-1]
        if now.rows - episode.looked >= _LOOK_ROWS:
            episode.looked = now.rows
            if self._over(row, episode, ladder, float(factor[row])):
                self._end(row, episode, detector, ladder)
                return
            self._reconsider(row, episode, ladder, factor)
        live = self._window(row, episode.start, ladder)
        if episode.learning:
            detector.evidence[row] = -np.inf
            if row not in self.seasonal.rows and live.sum() >= _LEARN_ROWS * factor[row]:
                episode.learning = False
                detector.restart(row, self._urn(row, live))
                self._born[row] = now
        elif detector.evidence[row] >= self.limits[row]:
            self._further(row, episode, detector, ladder, factor)

    def _urn(self, row: int, counts: Ints) -> Floats:
        """A prior that the episode's own rows have made."""
        urn = np.zeros(self.layout.width)
        urn[: len(counts)] = counts + _FAINT
        return urn

    def _over(self, row: int, episode: Episode, ladder: Ladder, factor: float) -> bool:
        """Have the rows left the change for training since some moment of the episode?"""
        base = float(episode.calm.sum())
        for rung in reversed(ladder.rungs[:-1]):
            live = self._window(row, rung, ladder)
            size = effective(float(live.sum()), base, factor)
            # a window that reaches back before the change would thin it with rows that were calm then
            if rung.bet < episode.start.bet or size < min(_REST_ROWS, 0.5 * base / factor):
                continue
            if self._left(row, episode, rung, live, factor):
                return True
            if size >= min(_END_ROWS, 0.8 * base / factor):
                return self._level(row, episode, rung, live, ladder, factor)
        return False

    def _left(self, row: int, episode: Episode, rung: Rung, live: Ints, factor: float) -> bool:
        """Do the rows since a moment surely differ from the episode before it, while nothing tells them from training?"""
        feature = self.layout.features[row]
        settled = np.asarray(rung.sums - episode.start.sums, dtype=np.int64)[row, : feature.size]
        if row in self.seasonal.rows or not settled.any() or self._matters(feature, episode.calm, live, factor):
            return False
        found = {gap.measure: gap for gap in gaps(feature, settled, live, factor=factor, z=_SURE)}
        gap = found.get(episode.gap.measure)
        return gap is not None and gap.low > 0

    def _level(self, row: int, episode: Episode, rung: Rung, live: Ints, ladder: Ladder, factor: float) -> bool:
        """Do many rows lie at training, by the measure that told the change?"""
        feature = self.layout.features[row]
        calm = self._calm(row, rung, ladder) if row in self.seasonal.rows else episode.calm
        size = effective(float(live.sum()), float(calm.sum()), factor)
        found = {gap.measure: gap for gap in gaps(feature, calm, live, factor=factor, z=_Z)}
        gap = found.get(episode.gap.measure)
        return gap is None or gap.high < max(self.effect, 1.5 * _Z / np.sqrt(size))

    def _end(self, row: int, episode: Episode, detector: Detector, ladder: Ladder) -> None:
        now = ladder.rungs[-1]
        self.alarms[episode.alarm] = replace(self.alarms[episode.alarm], ended=now.rows)
        feature = self.layout.features[row]
        urn = np.zeros(self.layout.width)
        urn[: feature.size] = prior(feature, None if row in self.seasonal.rows else episode.calm)
        detector.restart(row, urn)
        self.crossed[row] = False
        self._born[row] = now
        del self._standing[row]

    def _further(self, row: int, episode: Episode, detector: Detector, ladder: Ladder, factor: Floats) -> None:
        """The change has changed: a new entry, unless it may be on its way back to training."""
        feature = self.layout.features[row]
        start = max(ladder.since(detector.start(row)), self._born[row], key=lambda rung: rung.bet)
        live = self._window(row, start, ladder)
        size = feature.size
        settled = np.asarray(start.sums[row, :size] - episode.start.sums[row, :size], dtype=np.int64)
        moved = self._matters(feature, settled, live, float(factor[row]))
        if moved is None:
            return
        against = self._matters(feature, episode.calm, live, float(factor[row]), sure=True)
        if against is None:
            return
        self.alarms[episode.alarm] = replace(self.alarms[episode.alarm], ended=start.rows)
        self._tell(row, detector, ladder, start, moved, direction(feature, settled, live, moved))
        episode.alarm, episode.gap, episode.start = len(self.alarms) - 1, against, start
        self._judge(row, episode, ladder, factor)
        episode.learning = True
