"""The flights, and the model that a notebook would make of them: which arrive more than 15 minutes late?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "flights-2013.parquet"
SCHEDULE = [
    "month",
    "day",
    "weekday",
    "hour",
    "sched_dep_time",
    "sched_arr_time",
    "origin",
    "dest",
    "carrier",
    "distance",
]
WEATHER = ["temp", "wind_speed", "precip", "visib"]
COLUMNS = SCHEDULE + WEATHER
LAST_TRAINING_MONTH = 3


@dataclass(frozen=True)
class Trained:
    """The fitted pipeline with the data it was fitted on and a hold-out that it has not seen."""

    model: Any
    train: tuple[Any, Any]
    holdout: tuple[Any, Any]


def load() -> Any:
    """The flights as a frame, in time order, with `late` (0 or 1) and `departs` (RFC 3339)."""
    import pandas as pd

    flights = pd.read_parquet(FILE)
    flights["late"] = (flights["arr_delay"] > 15).astype(int)
    minute = flights["sched_dep_time"] % 100
    parts = {"year": 2013, "month": flights["month"], "day": flights["day"], "hour": flights["hour"], "minute": minute}
    flights["departs"] = pd.to_datetime(pd.DataFrame(parts)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return flights


def train(flights: Any) -> Trained:
    """Fit on January to March."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    winter = flights[flights["month"] <= LAST_TRAINING_MONTH]
    X_train, X_test, y_train, y_test = train_test_split(winter[COLUMNS], winter["late"], test_size=0.25, random_state=0)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"))
    columns = make_column_transformer((encoder, ["origin", "dest", "carrier"]), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier(learning_rate=0.05, random_state=0))
    return Trained(model.fit(X_train, y_train), (X_train, y_train), (X_test, y_test))
