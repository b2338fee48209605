"""Without a hold-out: how many copies of the model must be fitted for its scores to be honest? Prints a table.

    python tests/benchmarks/monitoring/folds.py [--repeats 8]

Each repeat fits a model on rows drawn anew and takes its reference scores in each of several ways; none but the last asks a
copy about rows that it was fitted on. Then 20 batches of 1,000 fresh rows come, ten as they are and ten of which the uncertain
half comes three times as often. Estimated accuracy and ROC AUC are compared with the realised ones, the calibrated chance of
each bucket of the score with how often its rows came true, and the share that was right of the reference rows with that of
the fresh rows (the errors' bias tells copies that know less than the model, or rows that they had seen).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_classification, make_hastie_10_2
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.baseline import Baseline
from nb2prod.capturing import threads
from nb2prod.demo import flights
from nb2prod.monitoring.statistics import estimate

ROWS = 11_250
LIVE = 20_000
CHUNK = 1000
BLOCKS = 10
Rows = tuple[np.ndarray, np.ndarray]
Ask = Callable[[np.ndarray], np.ndarray]


def flown(rng: np.random.Generator) -> Rows:
    """Flights of a whole year in a random order, with airports and carriers as numbers."""
    frame = flights.load()[[*flights.COLUMNS, "late"]].sample(frac=1, random_state=int(rng.integers(2**31)))
    for column in ("origin", "dest", "carrier"):
        frame[column] = frame[column].astype("category").cat.codes
    return frame[flights.COLUMNS].fillna(-1.0).to_numpy(float), frame["late"].to_numpy()


def clusters(rng: np.random.Generator) -> Rows:
    seed = int(rng.integers(2**31))
    return make_classification(
        ROWS + LIVE + 10_000, 20, n_informative=8, flip_y=0.15, class_sep=0.8, weights=[0.7], random_state=seed
    )


def hastie(rng: np.random.Generator) -> Rows:
    X, y = make_hastie_10_2(ROWS + LIVE + 10_000, random_state=int(rng.integers(2**31)))
    return X, (y > 0).astype(int)


CASES: dict[str, tuple[Callable[[np.random.Generator], Rows], Any]] = {
    "flights, boosted trees": (flown, HistGradientBoostingClassifier(learning_rate=0.05, random_state=0)),
    "flights, logistic": (flown, make_pipeline(StandardScaler(), LogisticRegression())),
    "clusters with 15 % noise, boosted trees": (clusters, HistGradientBoostingClassifier(random_state=0)),
    "Hastie's spheres, boosted trees": (hastie, HistGradientBoostingClassifier(random_state=0)),
}


def fold_of(n: int, folds: int) -> np.ndarray:
    """Folds in blocks of neighbours."""
    return (np.arange(n) * (folds * BLOCKS) // n) % folds


def out_of_fold(model: Any, rows: Rows, folds: int, asked: int) -> Rows:
    """Scores and labels of the rows of the first `asked` of `folds` folds."""
    fold = fold_of(len(rows[1]), folds)
    found = []
    for one in range(asked):
        copy = clone(model).fit(rows[0][fold != one], rows[1][fold != one])
        found.append((copy.predict_proba(rows[0][fold == one])[:, 1], rows[1][fold == one]))
    return np.concatenate([said for said, _ in found]), np.concatenate([labels for _, labels in found])


def ways(model: Any, rows: Rows, spare: Rows) -> Iterator[tuple[str, Rows, float]]:
    """Each way's scores and labels, and what it took."""
    plain: dict[str, Callable[[], Rows]] = {
        "three of three folds": lambda: out_of_fold(model, rows, 3, 3),
        "two of three folds": lambda: out_of_fold(model, rows, 3, 2),
        "one of three folds": lambda: out_of_fold(model, rows, 3, 1),
        "two of two folds": lambda: out_of_fold(model, rows, 2, 2),
        "one of five folds": lambda: out_of_fold(model, rows, 5, 1),
        "a third of the rows, three folds": lambda: out_of_fold(model, (rows[0][::3], rows[1][::3]), 3, 3),
        "a hold-out of a third as many": lambda: _asked(model, spare[0][: ROWS // 3], spare[1][: ROWS // 3]),
        "training rows": lambda: _asked(model, *rows),
    }
    for name, way in plain.items():
        began = time.process_time()
        found = way()
        yield name, found, time.process_time() - began


def _asked(model: Any, rows: np.ndarray, labels: np.ndarray) -> Rows:
    return model.predict_proba(rows)[:, 1], labels


def batches(said: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Iterator[Rows]:
    """Ten batches as they come, ten with more of what is uncertain."""
    unsure = np.argsort(np.abs(said - np.median(said)))[: len(said) // 2]
    weights = np.ones(len(said))
    weights[unsure] = 3
    for weighted in (None, weights / weights.sum()):
        for _ in range(10):
            chosen = rng.choice(len(said), CHUNK, p=weighted)
            yield said[chosen], labels[chosen]


def errors(reference: Rows, said: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> list[float]:
    """In points: CBPE of accuracy and of ROC AUC, calibration, and by how much the reference flatters."""
    baseline = Baseline.from_frame({"x": np.arange(10.0)}, *reference)
    assert baseline.calibration is not None
    accuracy, auc = [], []
    for p, y in batches(said, labels, rng):
        counted = baseline.count({}, scores=p, n=len(p))
        accuracy.append(abs(estimate(baseline, counted, "accuracy").value - float(((p >= 0.5) == y).mean())))
        auc.append(abs(estimate(baseline, counted, "roc_auc").value - roc_auc_score(y, p)))
    bucket = np.searchsorted(np.quantile(said, np.linspace(0.05, 0.95, 19)), said)
    worth = baseline.calibration(said)
    held = np.bincount(bucket)
    off = np.abs(np.bincount(bucket, weights=worth - labels)).sum() / held.sum()
    right = [float(((p >= 0.5) == y).mean()) for p, y in (reference, (said, labels))]
    return [100 * one for one in (float(np.mean(accuracy)), float(np.mean(auc)), float(off), right[0] - right[1])]


def case(title: str, repeats: int) -> Iterator[str]:
    draw, model = CASES[title]
    found: dict[str, list[list[float]]] = {}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        X, y = draw(rng)
        own, live, spare = ((X[a:b], y[a:b]) for a, b in ((0, ROWS), (ROWS, ROWS + LIVE), (ROWS + LIVE, len(y))))
        fitted = clone(model).fit(*own)
        said = _asked(fitted, *live)[0]
        for name, reference, seconds in ways(fitted, own, spare):
            measured = errors(reference, said, live[1], np.random.default_rng(1000 + seed))
            found.setdefault(name, []).append([*measured, seconds])
    for name, every in found.items():
        means = np.mean(every, axis=0)
        spread = np.std([one[3] for one in every])
        cells = [
            f"{means[0]:.2f}",
            f"{means[1]:.2f}",
            f"{means[2]:.2f}",
            f"{means[3]:+.2f} ± {spread:.2f}",
            f"{means[4]:.2f}",
        ]
        yield f"| {title} | {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--only", nargs="*", default=list(CASES))
    options = parser.parse_args()
    print("| data, model | reference scores from | CBPE accuracy | CBPE ROC AUC | calibration | flatters by | CPU s |")
    print("|---|---|---:|---:|---:|---:|---:|")
    with threads.one():
        for title in options.only:
            for line in case(title, options.repeats):
                print(line, flush=True)


if __name__ == "__main__":
    main()
