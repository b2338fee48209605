"""What a report says, as plain records: its JSON is this, its text and HTML are made of it."""

from __future__ import annotations

from nb2prod.records.alerts import AlertRecord, Rule
from nb2prod.records.base import Record
from nb2prod.records.monitoring import Alarm, FeatureDrift, Performance
from nb2prod.records.serving import ServiceStatus


class Measured(Record, frozen=True, kw_only=True):
    """A distance and the value that calm rows stay under 95 times in a hundred at these numbers of rows."""

    name: str
    value: float
    critical: float | None = None


class Shape(Record, frozen=True, kw_only=True):
    """A column now against training: for numbers densities between `edges`, for levels shares by `levels`.

    `outside` is the share of rows now that lies beyond the drawn range, null or of another type.
    """

    feature: str
    words: str
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    training: tuple[float, ...] = ()
    now: tuple[float, ...] = ()
    outside: float = 0.0
    distances: tuple[Measured, ...] = ()


class Report(Record, frozen=True, kw_only=True):
    """The summary that a report's text, HTML and JSON are made of.

    `drift` is what stands now, over the `span_rows` rows since `span` (None: all), `course` by period (`by`); `history` is the
    performance by period. `periods` are all from the first to the last, where they are shorter than days; `changed` has the first
    and the last period in which a feature's change may have begun. With `feature` it is of that one alone.
    `bound` is the least shift that is told, `certifiable` the least that these training rows can tell.
    `labels_waiting` labels wait for their prediction, `labels_unmatched` waited in vain.
    `missing` has what cannot be answered yet, each with the line that would bring it.
    """

    name: str
    version: int | None
    made: str
    feature: str | None = None
    rows: int
    training_rows: int
    span: str | None = None
    span_rows: int = 0
    by: str | None = None
    bound: float
    certifiable: float
    status: ServiceStatus | None = None
    drift: tuple[FeatureDrift, ...] = ()
    course: tuple[FeatureDrift, ...] = ()
    periods: tuple[str, ...] = ()
    changed: dict[str, tuple[str, str]] = {}
    shapes: tuple[Shape, ...] = ()
    confidence: tuple[Shape, ...] = ()
    together: dict[str, float] = {}
    performance: tuple[Performance, ...] = ()
    history: tuple[Performance, ...] = ()
    labels_waiting: int = 0
    labels_unmatched: int = 0
    calibration: tuple[tuple[float, float, int], ...] = ()
    rules: tuple[Rule, ...] = ()
    alerts: tuple[AlertRecord, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
