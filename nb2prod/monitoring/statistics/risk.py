"""How good the model is: expected from its calibrated scores while labels are missing, and realised once they came.

Both read counts only. A metric is a function T of the positive and negative rows in each bucket of the score; its
spread follows from T's slope in each of them (delta method).

The interval of a realised figure holds at any time, however often one looks: with probability .95 no look of a life has the true
figure outside. Shares (accuracy, precision, recall) have the beta-binomial sequence, exact; what follows from sums or slopes (ROC
AUC, F1, MAE, bias) the asymptotic one. The interval of an estimate is that of one look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from msgspec.structs import replace
from scipy.stats import norm

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY
from nb2prod.baseline.scores import UNREAD
from nb2prod.monitoring.statistics import sequences
from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.records.monitoring import Performance

UNIT = 65536
_Z = float(norm.isf(0.025))
_LOG_LEVEL = float(np.log(0.05))
_EXPECTED = 200.0
"""Labels at which the asymptotic intervals are narrowest; it may not follow the data."""
ALIASES = {"auc": "roc_auc", "positive_rate": "positive_share", "expected_positive_share": "positive_share"}
NO_SCORES = (
    "No hold-out scores: scores on training rows flatter, so nothing is estimated from them. Deploy with a hold-out."
)
ONE_CLASS = (
    "The hold-out's labels are of one class: they do not tell what a score is worth, so nothing is estimated. Deploy with a "
    "hold-out of all classes."
)
NO_LABELS = "no labels yet"
BLIND = "Estimated from calibrated scores; it does not see a change of the relation between inputs and label."


@dataclass(frozen=True)
class Slope:
    """Value of a metric, and how it moves with one more positive or negative row in each bucket."""

    value: float
    positive: Floats
    negative: Floats


Metric = Callable[[Floats, Floats, Floats], Slope]


def _accuracy(pos: Floats, neg: Floats, said: Floats) -> Slope:
    n = float(pos.sum() + neg.sum())
    value = float((pos @ said + neg @ (1 - said)) / n)
    return Slope(value, (said - value) / n, (1 - said - value) / n)


def _positive_share(pos: Floats, neg: Floats, said: Floats) -> Slope:
    n = float(pos.sum() + neg.sum())
    value = float(pos.sum() / n)
    return Slope(value, np.full(len(pos), (1 - value) / n), np.full(len(pos), -value / n))


def _predicted_share(pos: Floats, neg: Floats, said: Floats) -> Slope:
    n = float(pos.sum() + neg.sum())
    value = float((pos + neg) @ said / n)
    return Slope(value, (said - value) / n, (said - value) / n)


def _precision(pos: Floats, neg: Floats, said: Floats) -> Slope:
    n = float((pos + neg) @ said)
    value = float(pos @ said / n) if n else float("nan")
    return Slope(value, said * (1 - value) / max(n, 1), -said * value / max(n, 1))


def _recall(pos: Floats, neg: Floats, said: Floats) -> Slope:
    n = float(pos.sum())
    value = float(pos @ said / n) if n else float("nan")
    return Slope(value, (said - value) / max(n, 1e-9), np.zeros(len(pos)))


def _f1(pos: Floats, neg: Floats, said: Floats) -> Slope:
    total = float((pos + neg) @ said + pos.sum())
    value = float(2 * float(pos @ said) / total) if total else float("nan")
    return Slope(value, (2 * said - value * (said + 1)) / max(total, 1e-9), -value * said / max(total, 1e-9))


def _roc_auc(pos: Floats, neg: Floats, said: Floats) -> Slope:
    p, n = float(pos.sum()), float(neg.sum())
    if not p or not n:
        blank = np.zeros(len(pos))
        return Slope(float("nan"), blank, blank)
    below = np.cumsum(neg) - neg / 2
    above = p - np.cumsum(pos) + pos / 2
    value = float(pos @ below / (p * n))
    return Slope(value, (below / n - value) / p, (above / p - value) / n)


# how many rows count for a share, of how many
_SHARES: dict[str, Callable[[Floats, Floats, Floats], tuple[float, float]]] = {
    "accuracy": lambda pos, neg, said: (float(pos @ said + neg @ (1 - said)), float((pos + neg).sum())),
    "positive_share": lambda pos, neg, said: (float(pos.sum()), float((pos + neg).sum())),
    "predicted_share": lambda pos, neg, said: (float((pos + neg) @ said), float((pos + neg).sum())),
    "precision": lambda pos, neg, said: (float(pos @ said), float((pos + neg) @ said)),
    "recall": lambda pos, neg, said: (float(pos @ said), float(pos.sum())),
}

METRICS: dict[str, Metric] = {
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
    "positive_share": _positive_share,
    "predicted_share": _predicted_share,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
}


def estimate(
    baseline: Baseline, counts: Mapping[str, Any] | Any, metric: str, *, period: str | None = None
) -> Performance:
    """Confidence-based estimate of a metric from the counts of the score alone (CBPE).

    Each row is worth its calibrated probability of being positive (for several classes: of being right). The interval
    covers the chance in the labels and the hold-out's own rows.

    Parameters
    ----------
    counts
        What `Baseline.count` gave, or the array of `@score` alone.
    metric
        `accuracy`, `roc_auc`, `positive_share`, `precision`, `recall`, `f1`.
    """
    metric = ALIASES.get(metric, metric)
    array = counts.get("@score") if isinstance(counts, Mapping) else counts
    reason = unable(baseline, metric)
    body = np.zeros(0) if array is None else np.asarray(array, dtype=np.float64)[BODY:]
    n = int(body.sum())
    if reason or not n:
        return _nothing(metric, period, n, reason or "no rows with a score yet")
    p = baseline.calibrated
    slope = METRICS[metric](body * p, body * (1 - p), baseline.says_yes)
    if not np.isfinite(slope.value):
        return _nothing(metric, period, n, "the rows so far are of one class, for all that their scores say")
    likely, wobble = _hedged(p, np.asarray(baseline.feature("@score").counts[BODY:], dtype=np.float64))
    step = slope.positive - slope.negative
    spread = float(np.sqrt((body * likely * (1 - likely)) @ step**2 + (body**2 * wobble) @ step**2))
    low, high = _between(slope.value, _Z * spread, edge=spread / 1.5)
    return Performance(
        metric=metric,
        period=period,
        n=n,
        value=slope.value,
        low=low,
        high=high,
        interval="one look",
        predicted=slope.value,
        note=BLIND,
    )


def _hedged(p: Floats, held: Floats) -> tuple[Floats, Floats]:
    """Chances that the hold-out's rows allow, and the variances of their error.

    Blocks of one calibrated chance stand together; half a row of each class more (Krichevsky & Trofimov 1981) keeps three
    rows of three that were right from being certain. A block that had no rows is as well known as the less known of the
    blocks beside it, and may lie anywhere between them.
    """
    there = np.flatnonzero(held > 0)
    pool = np.cumsum(np.append(0, np.diff(p[there]) != 0))
    rows = np.bincount(pool, weights=held[there])[pool]
    place = np.searchsorted(there, np.arange(len(p)))
    left, right = np.maximum(place - 1, 0), np.minimum(place, len(there) - 1)
    left = np.where(held > 0, right, left)
    known = np.minimum(rows[left], rows[right])
    likely = (p * known + 0.5) / (known + 1)
    apart = (p[there][right] - p[there][left]) / 2
    return likely, likely * (1 - likely) / (known + 1) + apart**2


def unable(baseline: Baseline, metric: str) -> str:
    """Why nothing can be estimated; empty where it can."""
    if baseline.target is not None and baseline.target.task in ("regression", "class"):
        return "Only probabilities tell how good a model is before labels come; this one gives none."
    if not baseline.has_scores or baseline.calibration is None:
        return ONE_CLASS if baseline.has_scores and "@labels" in baseline.reference else NO_SCORES
    if metric not in METRICS:
        return f"{metric} cannot be estimated; {', '.join(METRICS)} can."
    if baseline.target is not None and baseline.target.task == "multiclass" and metric != "accuracy":
        return "With several classes accuracy alone follows from the score's counts."
    return ""


def realised(baseline: Baseline, counts: Mapping[str, Any], metric: str, *, period: str | None = None) -> Performance:
    """A metric from the counts of `Baseline.count_labels`, with an interval that holds at any time.

    Parameters
    ----------
    metric
        `accuracy`, `roc_auc`, `positive_share`, `precision`, `recall`, `f1`; for numbers `mae`, `rmse`, `bias`, `r2`.

    Returns
    -------
    Performance
        `note` says why there is no figure, and how many labels it leaves out.
    """
    found = _realised(baseline, counts, ALIASES.get(metric, metric), period)
    left_out = unread(baseline, counts)
    if not left_out:
        return found
    return replace(found, note=left_out if found.note in ("", NO_LABELS) else f"{found.note}. {left_out}")


def unread(baseline: Baseline, counts: Mapping[str, Any]) -> str:
    """How many labels no figure follows from, and why; empty where there are none."""
    alone, strange = (int(count) for count in counts.get(UNREAD, (0, 0)))
    target = baseline.target
    if target is None:
        fix = "Baseline.from_frame(frame, scores, labels) of a hold-out tells"
        mean = "1 label means" if strange == 1 else f"{strange:,} labels mean"
        return f"What {mean} is not known: {fix}." if strange else ""
    classes = ", ".join(target.classes[:8]) + ("…" if len(target.classes) > 8 else "")
    kind = "numbers" if target.task == "regression" else f"class of the baseline ({classes})"
    told = [f"{alone:,} label{'s' * (alone != 1)} came without an answer of the model."] if alone else []
    left = f"1 label is no {kind} and is" if strange == 1 else f"{strange:,} labels are no {kind} and are"
    told += [f"{left} left out."] if strange else []
    return " ".join(told)


def _realised(baseline: Baseline, counts: Mapping[str, Any], metric: str, period: str | None) -> Performance:
    if "@errors" in counts:
        return _of_errors(baseline, np.asarray(counts["@errors"]), metric, period)
    if metric not in METRICS:
        return _nothing(metric, period, 0, f"{metric} is not known; {', '.join(METRICS)} are")
    several = baseline.target is None or baseline.target.task in ("multiclass", "class")
    if metric == "accuracy" and "@confusion" in counts:
        return _of_confusion(np.asarray(counts["@confusion"], dtype=np.float64), period)
    if several or "@labels" not in counts:
        return _nothing(metric, period, 0, f"no counts that {metric} follows from" if several else NO_LABELS)
    table = np.asarray(counts["@labels"], dtype=np.float64).reshape(-1, 2)
    if metric != "positive_share":
        table = table[:-1]
    return _of_labels(baseline, table[:, 1], table[:, 0], metric, period)


def _of_labels(baseline: Baseline, pos: Floats, neg: Floats, metric: str, period: str | None) -> Performance:
    n = int(pos.sum() + neg.sum())
    if not n:
        return _nothing(metric, period, 0, NO_LABELS)
    said = np.resize(np.append(baseline.says_yes, 0.0), len(pos))
    slope = METRICS[metric](pos, neg, said)
    if not np.isfinite(slope.value):
        return _nothing(metric, period, n, "labels of one class only so far")
    if metric in _SHARES:
        low, high = of_share(*_SHARES[metric](pos, neg, said))
    else:
        spread = float(np.sqrt(pos @ slope.positive**2 + neg @ slope.negative**2))
        spread = max(spread, 0.5 / n if slope.value in (0.0, 1.0) else 0.0)
        low, high = _between(slope.value, sequences.errors_wide(n, _LOG_LEVEL, _EXPECTED) * spread)
    return _told(metric, period, n, slope.value, low, high)


def _of_confusion(flat: Floats, period: str | None) -> Performance:
    width = int(np.sqrt(len(flat)))
    table = flat.reshape(width, width)[:, :-1]
    n, right = float(table.sum()), float(np.trace(table[:-1]))
    if not n:
        return _nothing("accuracy", period, 0, NO_LABELS)
    low, high = of_share(right, n)
    return _told("accuracy", period, int(n), right / n, low, high)


def _of_errors(baseline: Baseline, sums: Any, metric: str, period: str | None) -> Performance:
    n = int(sums[0])
    scale = baseline.target.scale if baseline.target is not None else 1.0
    if metric not in ("mae", "rmse", "bias", "r2"):
        return _nothing(metric, period, n, f"{metric} is not known for numbers; mae, rmse, bias, r2 are")
    if not n:
        return _nothing(metric, period, 0, NO_LABELS)
    size, bias, square, level, power = (float(value) / UNIT / n for value in sums[1:])
    if metric in ("mae", "bias"):
        value = size if metric == "mae" else bias
        spread = float(np.sqrt(max(square - value**2, 0.0) / n))
        spread *= sequences.errors_wide(n, _LOG_LEVEL, _EXPECTED)
        return _told(metric, period, n, value * scale, (value - spread) * scale, (value + spread) * scale)
    variance = power - level**2
    if metric == "r2" and not variance > 0:
        return _nothing(metric, period, n, "all labels are the same so far")
    value = float(np.sqrt(square)) * scale if metric == "rmse" else 1 - square / variance
    return _told(metric, period, n, value, None, None)


def of_share(ones: float, n: float) -> sequences.Interval:
    """A share's interval at any time."""
    return sequences.of_shares(ones, n, _LOG_LEVEL)


def _between(value: float, half: float, edge: float = 0.0) -> tuple[float, float]:
    """A figure between 0 and 1, and `half` to each side of it, on the logit scale so that it stays there.

    At 0 and 1, where that scale ends, it begins `edge` within: n of n is half a row of n, about 2/3 of its spread.
    """
    edge = min(max(edge, 1e-6), 0.25)
    inner = min(max(value, edge), 1 - edge)
    logit = np.log(inner / (1 - inner))
    width = half / (inner * (1 - inner))
    low, high = (1 / (1 + np.exp(-(logit + sign * min(width, 30.0)))) for sign in (-1, 1))
    return min(float(low), value), max(float(high), value)


def _told(metric: str, period: str | None, n: int, value: float, low: float | None, high: float | None) -> Performance:
    kind: Literal["", "any time"] = "" if low is None else "any time"
    return Performance(
        metric=metric, period=period, n=n, value=value, low=low, high=high, interval=kind, realised=value
    )


def _nothing(metric: str, period: str | None, n: int, note: str) -> Performance:
    return Performance(metric=metric, period=period, n=n, value=None, low=None, high=None, note=note)
