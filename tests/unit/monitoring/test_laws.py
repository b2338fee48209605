"""The laws by simulation, small: calm lives are silent, changes are told in time. `make bench-monitoring` has the full ones."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "monitoring"))
import lives


@pytest.mark.parametrize(
    "draw",
    [lives.normal, lives.mixed, lives.autoregressive, lives.bursts, lives.levels(8)],
    ids=["normal", "mixed", "ar", "bursts", "levels"],
)
def test_calm_lives_are_silent(draw: lives.Draw) -> None:
    told, _ = lives.calm(draw, 5000, 5, looks=40, seed=3)
    assert told <= 0.2  # one of five


@pytest.mark.parametrize(
    "draw",
    [lives.autoregressive, lives.bursts, lives.repeated_levels(8)],
    ids=["ar", "bursts", "levels"],
)
def test_calm_rows_that_hang_together_are_silent_where_training_was_shuffled(draw: lives.Draw) -> None:
    told, _ = lives.calm(draw, 5000, 5, looks=40, seed=4, shuffled=True)
    assert told <= 0.2


@pytest.mark.parametrize(
    ("change", "most"),
    [(lives.shifted(0.1), 2800), (lives.shifted(0.2), 800), (lives.shifted(0.5), 200), (lives.spread(1.25), 400)],
)
def test_changes_of_a_number_are_told_in_time(change: lives.Draw, most: int) -> None:
    assert np.median(lives.delays(lives.normal, change, 20_000, 30, most=8000)) <= most


@pytest.mark.parametrize(("size", "most"), [(0.05, 2200), (0.1, 600), (0.2, 200)])
def test_changes_of_a_mix_are_told_in_time(size: float, most: int) -> None:
    assert np.median(lives.delays(lives.levels(20), lives.moved(20, size), 20_000, 20, most=8000)) <= most
