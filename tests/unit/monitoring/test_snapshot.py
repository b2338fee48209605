from __future__ import annotations

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.errors import Conflict
from nb2prod.monitoring import Monitor


def frame(count: int, seed: int, shift: float = 0.0) -> dict[str, object]:
    random = np.random.default_rng(seed)
    return {
        "a": random.normal(shift, 1, count),
        "b": random.normal(size=count),
        "town": random.choice(["Ulm", "Bonn", "Kiel"], count, p=[0.5, 0.3, 0.2] if not shift else [0.2, 0.3, 0.5]),
    }


BASELINE = Baseline.from_frame(frame(5000, 0))


def test_a_monitor_restored_at_every_step_bets_and_tells_as_one_that_never_stopped() -> None:
    whole, broken = Monitor(BASELINE), Monitor(BASELINE)
    for pane in range(40):
        rows = frame(130, 100 + pane, shift=0.8 if pane >= 20 else 0.0)
        for monitor in (whole, broken):
            monitor.update(rows, time=60.0 * pane)
        broken = Monitor.from_state(BASELINE, broken.state())
        assert broken.alarms() == whole.alarms()
        broken = Monitor.from_state(BASELINE, broken.state())
    assert {alarm.feature for alarm in whole.alarms()} >= {"a", "town"}
    assert (broken._detector.evidence == whole._detector.evidence).all()
    assert broken.rows == whole.rows
    assert all((broken.counts[name] == counts).all() for name, counts in whole.counts.items())


def test_a_state_is_for_its_own_baseline_and_code_alone() -> None:
    state = Monitor(BASELINE).state()
    with pytest.raises(Conflict, match="cannot be gone on with"):
        Monitor.from_state(Baseline.from_frame(frame(5000, 1)), state)


def test_a_state_stays_small() -> None:
    monitor = Monitor(BASELINE)
    for pane in range(300):
        monitor.update(frame(200, pane))
        monitor.alarms()
    assert len(monitor.state()) < 100 * 1024
