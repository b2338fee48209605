"""Labels until a fall of accuracy is told, and calm lives, with the scores' help and without; prints two tables.

A life is looked at every fifty labels. `concept`: answers are wrong more often though the scores stay; `inputs`: more rows are
unsure, and the scores say so.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.labelrisk import TOLERANCE, LabelRisk, Losses, upper
from nb2prod.monitoring.statistics.reconcile import Proxy
from nb2prod.records.monitoring import Alarm

LEVEL = 0.0025
HELD = 20_000
LOOK = 50
Law = tuple[np.ndarray, np.ndarray]
# shares of the buckets of the score, and how often rows in them are answered wrongly
LAWS: dict[str, Law] = {
    "scores that say little": (np.full(20, 0.05), (np.arange(20) + 0.5) / 40),
    "scores that say much": (np.array([0.7, 0.3]), np.array([0.02, 0.45])),
}


def counts(held: np.ndarray, wrong: np.ndarray, more: np.ndarray) -> dict[str, np.ndarray]:
    table = np.zeros((len(held) + 1, 2), np.int64)
    table[:-1, 0], table[:-1, 1] = held - wrong, wrong
    confusion = np.array([[(held - wrong).sum(), wrong.sum(), 0], [0] * 3, [0] * 3])
    score = np.concatenate((np.zeros(BODY, np.int64), held + more))
    return {"@score": score, "@labels": table.ravel(), "@confusion": confusion.ravel()}


def labels(seed: int, law: Law, part: float, watched: LabelRisk, looks: int) -> float:
    """Labels until the alarm; infinite where none came."""
    rng, alarms = np.random.default_rng(seed), list[Alarm]()
    for look in range(looks):
        held = rng.multinomial(LOOK, law[0])
        more = rng.multinomial(round(LOOK / part) - LOOK, law[0])
        watched.add(counts(held, rng.binomial(held, law[1]), more), 0, alarms, 3600.0 * (look + 0.5))
        if alarms:
            return LOOK * (look + 1.0)
    return np.inf


def worse(law: Law, rise: float) -> Iterator[tuple[str, Law]]:
    share, error = law
    flipped = rise / (1 - 2 * float(share @ error))
    yield "concept", (share, error * (1 - flipped) + (1 - error) * flipped)
    low, high = 0.0, 80.0
    for _ in range(60):
        middle = (low + high) / 2
        tilted = share * np.exp(middle * error)
        tilted /= tilted.sum()
        low, high = (middle, high) if tilted @ error < share @ error + rise else (low, middle)
    yield "inputs", (tilted, error)


def watch(law: Law, chance: np.ndarray | None, level: float = LEVEL, limit: float | None = None) -> LabelRisk:
    risk = float(law[0] @ law[1])
    proxy = None if chance is None else Proxy(chance, np.ones(len(chance)))
    known = upper(Losses(HELD, HELD * risk, HELD * risk), level / 2) + TOLERANCE
    return LabelRisk(level, risk, known if limit is None else limit, proxy=proxy)


def delays(lives: int) -> None:
    print("| scores | fall | labelled | labels alone | labels and scores |\n|---|---|---|---|---|")
    for name, law in LAWS.items():
        for rise, looks in ((0.05, 300), (0.1, 60)):
            for kind, changed in worse(law, rise):
                for part in (0.02, 0.1, 0.5):
                    alone, both = (
                        np.median([labels(seed, changed, part, watch(law, chance), looks) for seed in range(lives)])
                        for chance in (None, law[1])
                    )
                    fall = f"{100 * rise:.0f} points, {kind}"
                    print(f"| {name} | {fall} | {part:.0%} | {alone:,.0f} | {both:,.0f} |", flush=True)


def calm(lives: int, looks: int) -> None:
    """The risk lies on the limit itself, the worst that is calm; the live half of the budget is .1."""
    print("| proxy | labelled | lives with an alarm |\n|---|---|---|")
    law = LAWS["scores that say much"]
    limit = float(law[0] @ law[1])
    proxies = {"right": law[1], "twice the error": 2 * law[1], "reversed": law[1][::-1].copy(), "a fifth": law[1] / 5}
    for name, chance in proxies.items():
        for part in (0.02, 0.1, 0.5, 1.0):
            found = [labels(seed, law, part, watch(law, chance, 0.2, limit), looks) for seed in range(lives)]
            print(f"| {name} | {part:.0%} | {np.isfinite(found).mean():.1%} of {lives} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=60)
    parser.add_argument("--looks", type=int, default=300)
    told = parser.parse_args()
    delays(told.lives)
    calm(5 * told.lives, told.looks)
