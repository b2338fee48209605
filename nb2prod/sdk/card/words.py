"""How numbers, times and counted things are written, everywhere alike."""

from __future__ import annotations


def count(n: int, thing: str, things: str | None = None) -> str:
    """`1 row`, `81,204 rows`."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def score(value: float | None) -> str:
    """A share or a score to two digits, as in `ROC AUC .71`; larger numbers to three figures."""
    if value is None:
        return "–"
    if abs(value) > 1:
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 9.95 else f"{value:,.0f} ms"


def size(octets: int) -> str:
    """Bytes as a person reads them: `41 MB`."""
    if octets < 1_000_000:
        return f"{max(octets / 1000, 0):.0f} kB"
    return f"{octets / 1e6:.0f} MB" if octets < 10**9 else f"{octets / 1e9:.1f} GB"


def plain(value: float | int | None) -> str:
    return "–" if value is None else f"{value:,}"


_METRICS = {"roc_auc": "ROC AUC", "f1": "F1", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}


def metric(name: str) -> str:
    """A metric as it is said: `roc_auc` is ROC AUC, `positive_share` is positive share."""
    return _METRICS.get(name, name.replace("_", " "))


def figure(name: str, value: float | None) -> str:
    """A metric's value: a share in percent, all else as a score."""
    return percent(value) if name.endswith("share") else score(value)


def column(name: str) -> str:
    """A watched thing by its name: a column as it is, `@score` as score."""
    return name.removeprefix("@")
