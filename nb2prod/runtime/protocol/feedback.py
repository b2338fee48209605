"""POST /feedback: labels and outcomes, one or a list, item by item; GET /monitoring/panes: the counts, to be pulled."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from nb2prod.errors import Conflict, InputError, Nb2prodError, NotFound, Unavailable, UsageError
from nb2prod.records.monitoring import Feedback
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime import labelling
from nb2prod.runtime.hooks import FeedbackResult, Route
from nb2prod.runtime.outbox import Outbox
from nb2prod.runtime.protocol import problem
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.side import Side

JSON = (b"content-type", b"application/json")
ITEMS = 10_000
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
_PLACE = re.compile(r"`\$((?:\.\w+|\[(?:\d+|\.\.\.)\])*)`")


def spooled(recorder: SpoolRecorder | None, now: Callable[[], ServiceSettings]) -> dict[tuple[str, str], Route]:
    """The routes of monitoring; without a recorder they say why they cannot serve."""
    return {
        ("POST", "/feedback"): FeedbackRoute(recorder, now),
        ("GET", "/monitoring/panes"): PanesRoute(recorder, now),
    }


class FeedbackRoute:
    """202 where every item was kept, 207 where some were, 422 (problem+json) where none was.

    An id that nobody knows is kept: its prediction may still lie in another worker's buffer, or come later.
    """

    def __init__(self, recorder: SpoolRecorder | None, now: Callable[[], ServiceSettings]) -> None:
        self._recorder = recorder
        self._now = now

    async def __call__(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        settings = self._now()
        if self._recorder is None or not settings.traffic:
            raise _not_recording(self._recorder is None)
        given, single = _items(body)
        read = [_read(item, settings.outcomes) for item in given]
        good = [item for item in read if isinstance(item, Feedback)]
        kept = iter(self._recorder.feedback(good, version=settings.version, outcomes=settings.outcomes))
        results = [item if isinstance(item, FeedbackResult) else next(kept) for item in read]
        self._recorder.refused(len(read) - len(good))
        return _reply(results, single, scope["nb2prod.request_id"])


class PanesRoute:
    """Increments after a place in the outbox (`after`), or the files of a model that they stand against (`model`)."""

    def __init__(self, recorder: SpoolRecorder | None, now: Callable[[], ServiceSettings]) -> None:
        self._recorder = recorder
        self._now = now

    async def __call__(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        if self._recorder is None:
            raise _not_recording(True)
        if self._now().counter != "self":
            raise Conflict(
                "This service's counts are taken by its home's agent",
                code="counted-by-agent",
                where="/monitoring/panes",
                why="A spool is counted in one place only.",
                fix="nb2prod drift NAME",
                kept="everything is counted there",
            )
        asked = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
        side = self._recorder.spool / "side"
        if "model" in asked:
            return 200, [JSON], await asyncio.to_thread(_model, side, asked["model"][0])
        return 200, [JSON], await asyncio.to_thread(_page, side, _after(asked.get("after", ["0"])[0]))


def _items(body: bytes) -> tuple[list[Any], bool]:
    try:
        decoded = _decoded(body)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(
            "The body is not JSON", code="not-json", where="body", why=str(error), fix=labelling.EXAMPLE
        ) from error
    if isinstance(decoded, dict) and isinstance(decoded.get("items"), list):
        decoded = decoded["items"]
    given = decoded if isinstance(decoded, list) else [decoded]
    if len(given) > ITEMS:
        raise InputError(
            f"There are {len(given)} items; one request takes {ITEMS}",
            code="too-many-items",
            where="body",
            why="A batch is kept whole or in part, item by item, in one go.",
            fix=f"send {ITEMS} at a time",
            status=413,
        )
    return given, not isinstance(decoded, list)


def _decoded(body: bytes) -> Any:
    """The document; a number past every float is infinite, for its own item to be refused and no other."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        if "out of range" not in str(error):
            raise
        return json.loads(body, parse_constant=_no_json)


def _no_json(name: str) -> float:
    raise ValueError(f"`{name}` is no JSON")


def _read(item: Any, outcomes: Sequence[str]) -> Feedback | FeedbackResult:
    if isinstance(item, dict) and (refused := labelling.stray(item, outcomes)) is not None:
        return refused
    try:
        return msgspec.convert(item, Feedback)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        pointer = re.sub(r"\.(\w+)|\[(\d+|\.\.\.)\]", lambda m: f"/{m[1] or m[2]}", place[1]) if place else ""
        return labelling.wrong(item, pointer.removesuffix("/..."), str(error).split(" - at")[0] + ".")


def _reply(results: Sequence[FeedbackResult], single: bool, request_id: str) -> Reply:
    bad = [(number, one) for number, one in enumerate(results) if one.status == "refused"]
    kept = len(results) - len(bad)
    refused = [_refusal(number, one, single, kept) for number, one in bad]
    told = [
        {"item": number, "why": one.why, **problem.problem(error, request_id)}
        for (number, one), error in zip(bad, refused, strict=True)
    ]
    if refused and not kept:
        status, headers, body = problem.response(refused[0], request_id)
        document = msgspec.json.decode(body)
        return status, headers, msgspec.json.encode({**document, "accepted": 0, "refused": told})
    said = {"accepted": kept, "refused": told, "request_id": request_id}
    return 207 if refused else 202, [JSON, (b"x-request-id", request_id.encode())], msgspec.json.encode(said)


def _refusal(number: int, result: FeedbackResult, single: bool, kept: int) -> Nb2prodError:
    where = "the item" if single else f"item {number}"
    others = "the other item is kept" if kept == 1 else f"the other {kept} items are kept"
    left = others if kept else "nothing was changed"
    if result.full:
        return Unavailable(
            "Feedback cannot be kept now", code="recorder-full", where=where, why=result.why, fix=result.fix, kept=left
        )
    return InputError(
        f"{where[0].upper()}{where[1:]} cannot be kept",
        code="feedback-refused",
        where=where,
        why=result.why,
        fix=result.fix,
        kept=left,
        pointer=result.pointer if single else f"/{number}{result.pointer}",
    )


def _not_recording(never: bool) -> Unavailable:
    return Unavailable(
        "This service records nothing",
        code="not-recording",
        where="/feedback",
        why="Its capture has no baseline, or no spool is named." if never else "It does not take traffic yet.",
        fix="nb2prod status NAME",
        kept="nothing was changed",
    )


def _after(text: str) -> int:
    if not text.isdigit():
        raise UsageError(
            "`after` is a whole number",
            code="wrong-place",
            where="?after=",
            why="It is the `last` of the page before.",
            fix="?after=0",
        )
    return int(text)


def _page(folder: Path, after: int) -> bytes:
    side = Side(folder)
    try:
        return msgspec.json.encode(Outbox(side).page(after))
    finally:
        side.close()


def _model(folder: Path, key: str) -> bytes:
    if not re.fullmatch(r"[0-9a-f]{32}", key) or not (folder / "models" / key).is_dir():
        raise NotFound("No counts stand against that model", code="no-model", where="?model=", fix="?after=0")
    files = {path.name: path.read_bytes() for path in (folder / "models" / key).iterdir()}
    return msgspec.json.encode({"model": key, "files": files})
