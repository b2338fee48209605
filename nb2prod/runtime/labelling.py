"""What feedback may say: a label of the model's own kind, declared outcomes, a time; told item by item."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from nb2prod.baseline.words import level
from nb2prod.records.capture import Signature
from nb2prod.records.monitoring import Feedback
from nb2prod.runtime.hooks import FeedbackResult

KEPT = FeedbackResult(status="kept")
FULL = FeedbackResult(
    status="refused",
    full=True,
    why="The recorder has no room: its disk or its spool's limit is full.",
    fix="send it again later",
)
_NOUNS = {"number": "a finite number", "text": "text", "datetime": "a date-time: ISO 8601 text or epoch milliseconds"}

FIELDS = Feedback.__struct_fields__
EXAMPLE = '{"id": "order-17", "label": 1}'
_EXAMPLES = {
    "id": '"id": "order-17"',
    "request_id": '"request_id": "…"',
    "row": '"row": 0',
    "label": '"label": 1',
    "outcomes": '"outcomes": {"conversion": 1}',
    "time": '"time": "2026-01-31T12:00:00Z"',
}
_SHOWN = 100
FEW = 10
"""Classes that an error lists."""


class Check:
    """Says of each item whether it can be kept; the words never hold a value."""

    def __init__(self, signature: Signature, outcomes: Sequence[str] = ()) -> None:
        self._kind = signature.output.kind
        self._classes = signature.output.classes
        self._texts = bool(self._classes) and all(isinstance(value, str) for value in self._classes)
        self._known = Classes(self._classes) if self._kind == "class" and self._classes else None
        self._outcomes = frozenset(outcomes)

    def declare(self, outcomes: Sequence[str]) -> None:
        """Take these outcomes from now on."""
        self._outcomes = frozenset(outcomes)

    def __call__(self, item: Feedback, rows: int | None = None) -> FeedbackResult:
        """`rows` of the request that it names, where they are known."""
        return (
            self._which(item)
            or self._row(item, rows)
            or self._label(item)
            or self._said(item)
            or self._time(item)
            or KEPT
        )

    def _which(self, item: Feedback) -> FeedbackResult | None:
        if item.id is None and item.request_id is None:
            return _refused("", "It names no prediction.", '{"id": "…", "label": …}, or "request_id" and "row"')
        if item.id is not None and id_text(item.id) is None:
            return _refused("/id", "An id is text or a whole number.", _EXAMPLES["id"])
        wide = next((name for name in ("id", "row", "time") if _wide(getattr(item, name))), None)
        if wide is not None:
            return _refused(f"/{wide}", "A whole number has at most 64 bits.", _EXAMPLES[wide])
        if item.row < 0:
            return _refused("/row", "Rows are numbered from 0.", _EXAMPLES["row"])
        if item.label is msgspec.UNSET and not item.outcomes:
            return _refused("", "It has neither a label nor an outcome.", f"{self._labelled()}, or {self._outcome()}")
        return None

    def _row(self, item: Feedback, rows: int | None) -> FeedbackResult | None:
        if rows is None or item.row < rows:
            return None
        had = "1 row" if rows == 1 else f"{rows} rows"
        return _refused("/row", f"That request had {had}, numbered from 0.", f'"row": {max(rows - 1, 0)}')

    def _label(self, item: Feedback) -> FeedbackResult | None:
        label = item.label
        if label is msgspec.UNSET:
            return None
        if self._known is not None:
            if self._known.find(label) is not NONE:
                return None
            why = self._no_class() if self._class(label) else self._said_classes()
            return _refused("/label", why, _line(self._classes[0]))
        if _fits(self._kind, label):
            return None
        return _refused("/label", f"A label of this model is {_NOUNS.get(self._kind, 'a plain value')}.", '"label": …')

    def own(self, item: Feedback) -> Feedback:
        """The item with its label as the class that it names: `"1"` and true as 1, where that is one."""
        if _wide(item.label) and self._kind == "number":
            return msgspec.structs.replace(item, label=float(item.label))
        if self._known is None or item.label is msgspec.UNSET:
            return item
        label = self._known.find(item.label)
        same = type(label) is type(item.label) and label == item.label
        return item if same or label is NONE else msgspec.structs.replace(item, label=label)

    def _no_class(self) -> str:
        if len(self._classes) > FEW:
            return f"It is none of this model's {len(self._classes):,} classes."
        return f"It is no class of this model; its classes are {', '.join(map(_json, self._classes))}."

    def _class(self, label: Any) -> bool:
        """Is it of the classes' own kind?"""
        if self._texts:
            return isinstance(label, str)
        if any(isinstance(value, str) for value in self._classes):
            return isinstance(label, str | bool | int | float)
        return isinstance(label, bool | int | float) and _finite(label)

    def _said_classes(self) -> str:
        """What a label must be, and the classes where they are few."""
        flags = all(isinstance(value, bool) for value in self._classes)
        said = f"A label of this model is {'text' if self._texts else 'true or false' if flags else 'a number'}"
        if flags or len(self._classes) > FEW:
            return f"{said}."
        return f"{said}; its classes are {', '.join(map(_json, self._classes))}."

    def _said(self, item: Feedback) -> FeedbackResult | None:
        for name, value in item.outcomes.items():
            if name not in self._outcomes:
                known = ", ".join(sorted(self._outcomes)) or "none"
                why = f"Nobody declared this outcome; declared: {known}."
                return _refused(f"/outcomes/{_escaped(name)}", why, f'deploy(…, alerts=[Alert("{name}", …)])')
            if not math.isfinite(value):
                return not_a_number(name)
        return None

    def _labelled(self) -> str:
        return _line(self._classes[0]) if self._classes else '"label": …'

    def _outcome(self) -> str:
        return outcome_line(min(self._outcomes, default="conversion"))

    def _time(self, item: Feedback) -> FeedbackResult | None:
        if item.time is None or epoch(item.time) is not None:
            return None
        return _refused("/time", "A time is RFC 3339 text or epoch milliseconds.", _EXAMPLES["time"])


NONE = object()


class Classes:
    """A model's classes, found by a label however it is written: a number as its text, true as 1, 1.0 as 1, and back.

    Examples
    --------
    >>> Classes((0, 1)).find("1"), Classes(("0", "1")).find(1.0), Classes((False, True)).find(1)
    (1, '1', True)
    """

    def __init__(self, classes: Sequence[Any]) -> None:
        self._plain = all(isinstance(one, str | bool | int | float) for one in classes)
        self._numbers = {same(one): one for one in classes if not isinstance(one, str)}
        self._texts = {level(one): one for one in classes if not isinstance(one, str)}
        self._texts |= {one: one for one in classes if isinstance(one, str)}
        self._flags = {level(one).lower(): one for one in classes if isinstance(one, bool)}

    def find(self, label: Any) -> Any:
        """The class; `NONE` where it names none."""
        if not self._plain:  # classes that have no form on the wire are not told apart here
            return label if isinstance(label, str | bool | int | float) else NONE
        if isinstance(label, str):
            return self._texts.get(label, self._flags.get(label.lower(), self._number(label)))
        if not isinstance(label, bool | int | float):
            return NONE
        found = self._numbers.get(same(label), NONE)
        return self._texts.get(level(label), self._texts.get(str(label), NONE)) if found is NONE else found

    def _number(self, text: str) -> Any:
        if "_" in text:
            return NONE
        try:
            return self._numbers.get(same(float(text)), NONE)
        except ValueError:
            return NONE


def same(value: Any) -> Any:
    """A class in the one form that labels, predictions and the signature share: True is 1, 1.0 is 1."""
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole else value


def stray(item: Mapping[str, Any], outcomes: Sequence[str] = ()) -> FeedbackResult | None:
    """A field that feedback does not have is told, with where its value belongs: nothing that was sent is let go in silence."""
    name = next((name for name in item if name not in FIELDS), None)
    if name is None:
        return None
    near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.75)
    said = f"`{name[:_SHOWN]}` is no field of feedback"
    pointer = f"/{_escaped(name)}"
    if near and name not in outcomes:
        return _refused(pointer, f"{said}; there is `{near[0]}`.", _EXAMPLES[near[0]])
    if isinstance(item[name], int | float) or name in outcomes:
        return _refused(pointer, f"{said}; a business outcome stands under `outcomes`.", outcome_line(name))
    return _refused(pointer, f"{said}; there are {', '.join(FIELDS)}.", f"leave `{name[:_SHOWN]}` out")


def wrong(item: Any, pointer: str, why: str) -> FeedbackResult:
    """An item that cannot be read; shows how the field that is wrong reads."""
    field = pointer.split("/")[1] if pointer else ""
    said = item.get("outcomes") if isinstance(item, dict) else None
    if field == "outcomes" and isinstance(said, dict):
        odd = [name for name, value in said.items() if isinstance(value, bool) or not isinstance(value, int | float)]
        return not_a_number(odd[0] if odd else "conversion")
    return _refused(pointer, why, _EXAMPLES.get(field, EXAMPLE))


def not_a_number(outcome: str) -> FeedbackResult:
    return _refused(f"/outcomes/{_escaped(outcome)}", "An outcome is a finite number.", outcome_line(outcome))


def outcome_line(name: str) -> str:
    return f'"outcomes": {{{_json(name[:_SHOWN])}: 1}}'


def epoch(value: Any) -> float | None:
    """Epoch seconds of RFC 3339 text (UTC where it names no zone) or epoch milliseconds; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value / 1000 if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def id_text(value: Any) -> str | None:
    """An id as the text that predictions carry; None where it cannot be one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) else None
    return str(value) if isinstance(value, str | int) else None


def _fits(kind: str, label: Any) -> bool:
    match kind:
        case "number":
            return isinstance(label, bool | int | float) and _finite(label)
        case "text":
            return isinstance(label, str)
        case "datetime":
            return epoch(label) is not None
        case "class":
            return isinstance(label, str | bool | int | float)
    return label is not None


def _wide(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number past every float
        return False


def _refused(pointer: str, why: str, fix: str) -> FeedbackResult:
    return FeedbackResult(status="refused", pointer=pointer, why=why, fix=fix)


def _line(value: Any) -> str:
    return f'"label": {_json(value)}'


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
