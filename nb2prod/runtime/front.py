"""The ASGI switch in front of BentoML's app: our routes are answered here, all else is passed on."""

from __future__ import annotations

import difflib
import gc
import hashlib
import hmac
import importlib
import itertools
import logging
import os
import pkgutil
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import msgspec

from nb2prod.errors import InputError, Nb2prodError, NotFound, UsageError
from nb2prod.records.capture import Answers
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime import limits, protocol
from nb2prod.runtime.canary import Canary
from nb2prod.runtime.hooks import Host, Recorder, Route
from nb2prod.runtime.limits import Disconnected, Gate
from nb2prod.runtime.metrics import Metrics
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.protocol import json, openapi, problem
from nb2prod.runtime.protocol.refused import rows_in
from nb2prod.runtime.protocol.schema import schema
from nb2prod.runtime.rows import Rows
from nb2prod.runtime.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]

JSON: Final = (b"content-type", b"application/json")
OPEN: Final = frozenset({"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"})
_GIVEN_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_OWN_ID: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]+(?:\.\d+)*")
log = logging.getLogger("nb2prod")


class Front:
    """A plain ASGI callable around another app.

    Parameters
    ----------
    app
        BentoML's app; gets every route that is not ours, and the lifespan.
    served
        The loaded model.
    settings
        What the target says, re-read on change.
    recorder
        Keeps what is answered while the settings say `traffic`; None keeps nothing.
    routes
        More routes of ours, by method and path.
    """

    def __init__(
        self,
        app: App,
        served: ServedModel,
        settings: Settings,
        *,
        recorder: Recorder | None = None,
        routes: Mapping[tuple[str, str], Route] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.app = app
        self.served = served
        self.settings = settings
        self.recorder = recorder
        self.draining = False
        self.refused_ready = 0
        self.asked_ready = 0.0
        self.inside = 0
        self._gate = gate or Gate()
        self._metrics = Metrics()
        self._canary = Canary(self._metrics.canary)
        self._decode = json.Decoder(served.reader)
        self._ids = _request_ids()
        self._routes: dict[str, dict[str, Route]] = {}
        self._mount(self._own() | _spoken(self) | dict(routes or {}))

    def _own(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", "/predict"): self._predict,
            ("GET", "/livez"): self._livez,
            ("GET", "/healthz"): self._livez,
            ("GET", "/readyz"): self._readyz,
            ("GET", "/metrics"): self._metrics_text,
            ("GET", "/schema"): self._schema,
            ("GET", "/docs.json"): self._openapi,
            ("GET", "/docs"): self._docs,
            ("GET", "/"): self._home,
        }

    def _mount(self, routes: Mapping[tuple[str, str], Route]) -> None:
        for (method, path), route in routes.items():
            self._routes.setdefault(path, {})[method] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            methods = self._routes.get(path)
            if methods is not None:
                await self._answer(path, methods, scope, receive, send)
                return
            if refusal := self._closed(path, scope):
                await _send(send, refusal, head=scope["method"] == "HEAD")
                return
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, self._lifespan(send))
            return
        await self.app(scope, receive, self._found(scope, send))

    # One request.

    async def _answer(
        self, path: str, methods: Mapping[str, Route], scope: Scope, receive: Receive, send: Send
    ) -> None:
        started = perf_counter()
        settings = self.settings.now()
        request_id = scope["nb2prod.request_id"] = self._request_id(scope)
        self.inside += 1
        try:
            reply = await self._replied(path, methods, scope, receive, settings, request_id)
        except Disconnected:
            return
        finally:
            self.inside -= 1
        await _send(send, reply, head=scope["method"] == "HEAD")
        if settings.traffic and scope["method"] == "POST":
            self._metrics.request(path, reply[0], perf_counter() - started)

    async def _replied(
        self,
        path: str,
        methods: Mapping[str, Route],
        scope: Scope,
        receive: Receive,
        settings: ServiceSettings,
        request_id: str,
    ) -> Reply:
        body = b""
        try:
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            route = methods.get(method)
            if route is None:
                raise _wrong_method(path, method, methods)
            if settings.tokens and path not in OPEN:
                allow(scope, settings)
            if method != "GET":
                body = await limits.body_of(scope, receive, settings.body_limit)
            return await route(scope, body)
        except Nb2prodError as error:
            if isinstance(error, InputError) and (path == "/predict" or path.endswith("/infer")):
                self._rejected(error, settings, rows_in(path, scope, body))
            return self._problem(error, request_id, settings)
        except Disconnected:
            raise
        except Exception as error:
            log.exception("request %s failed", request_id)
            return self._problem(problem.unknown(error, settings.name), request_id, settings)

    def _problem(self, error: Nb2prodError, request_id: str, settings: ServiceSettings) -> Reply:
        if settings.traffic:
            self._metrics.failed(error.code)
        return problem.response(error, request_id)

    def _rejected(self, error: InputError, settings: ServiceSettings, rows: int) -> None:
        """Rows that never reached the model: all of the request's, by the column and the reason that it was refused for."""
        if settings.traffic and self.recorder is not None:
            self.recorder.reject(error.column, error.code, version=settings.version, rows=rows)

    def _closed(self, path: str, scope: Scope) -> Reply | None:
        """BentoML's own routes stand behind the same tokens."""
        settings = self.settings.now()
        if not settings.tokens or path in OPEN:
            return None
        try:
            allow(scope, settings)
        except Nb2prodError as error:
            return problem.response(error, self._request_id(scope))
        return None

    def _found(self, scope: Scope, send: Send) -> Send:
        """What BentoML does not know either is said in our words."""
        missing = False

        async def sending(message: Mapping[str, Any]) -> None:
            nonlocal missing
            if message["type"] == "http.response.start" and message["status"] == 404:
                missing = True
                error = _unknown_path(scope["path"], sorted(self._routes))
                await _send(send, problem.response(error, self._request_id(scope)))
            elif not missing:
                await send(message)

        return sending

    def _request_id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
                return bytes(value).decode()
        return next(self._ids)

    def named(self, scope: Mapping[str, Any], rows: int) -> str:
        """The request's id; one of ours tells how many rows it has, so that feedback to a row it has not is refused at once."""
        request_id = str(scope["nb2prod.request_id"])
        return f"{request_id}.{rows}" if _OWN_ID.fullmatch(request_id) else request_id

    # The model.

    async def ask(self, rows: Rows, request_id: str, *, ids: Any = None, times: Any = None) -> Answers:
        """Ask the model and keep the answer; every protocol comes through here."""
        arrived = time.time()
        answers = await self._gate.run(self.served.answer, rows, rows.n)
        settings = self.settings.current
        if settings.traffic:
            self._metrics.answered(rows.n, len(rows.warnings))
            if self.recorder is not None and rows.n:
                version = settings.version
                self.recorder.record(
                    rows, answers, request_id=request_id, ids=ids, times=times, version=version, arrived=arrived
                )
        return answers

    async def elsewhere(self, scope: Mapping[str, Any], body: bytes, rows: int, ids: Any) -> Reply | None:
        """The canary's answer to a request of its share; None where it is ours to answer, or the canary could not."""
        share = self.settings.current.canary
        if share is None:
            return None
        return await self._canary.answer(share, scope, body, ids, self._gate.pace.expected(rows))

    async def _predict(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        asked = self._decode(body)
        if self.settings.current.canary is not None:
            reply = await self.elsewhere(scope, body, asked.rows.n, asked.ids)
            if reply is not None:
                return reply
        request_id = self.named(scope, asked.rows.n)
        answers = await self.ask(asked.rows, request_id, ids=asked.ids, times=asked.times)
        label = self.settings.label
        return 200, [JSON], json.encode(answers, request_id=request_id, model=label, warnings=asked.rows.warnings)

    # What the service says of itself.

    async def _livez(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        return 200, [JSON], b'{"status":"live"}'

    async def _readyz(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        self.asked_ready = time.monotonic()
        if self.draining:
            self.refused_ready += 1
            return 503, [JSON], b'{"status":"draining"}'
        said = {"status": "ready", "model": self.settings.label, "checked": self.served.checked, "pid": os.getpid()}
        return 200, [JSON], msgspec.json.encode(said)

    async def _metrics_text(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        text = self._metrics.text(self.recorder.metrics() if self.recorder else None) + verdicts(self.settings.current)
        return 200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], text

    async def _schema(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        name = self.settings.current.name
        return 200, [JSON], msgspec.json.encode(schema(self.served.signature, name=name, model=self.settings.label))

    async def _openapi(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        settings = self.settings.current
        said = openapi.openapi(
            self.served.signature, name=settings.name, model=self.settings.label, protected=bool(settings.tokens)
        )
        return 200, [JSON], msgspec.json.encode(said)

    async def _docs(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        return 200, [(b"content-type", b"text/html; charset=utf-8")], openapi.PAGE

    async def _home(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        return 307, [(b"location", b"docs")], b""

    # Its life.

    def _lifespan(self, send: Send) -> Send:
        async def sending(message: Mapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                self.warm()
            elif message["type"] == "lifespan.shutdown.complete":
                self.close()
            await send(message)

        return sending

    def warm(self) -> None:
        """Freeze what was loaded: the collector never walks it again."""
        gc.collect()
        gc.freeze()
        log.info("ready: %s (hashes checked)", self.settings.label)

    def close(self) -> None:
        """Hand over what the recorder holds."""
        self._gate.close()
        self._canary.close()
        if self.recorder is not None:
            self.recorder.close()


def _spoken(host: Host) -> dict[tuple[str, str], Route]:
    """The routes of every protocol that is there."""
    found: dict[tuple[str, str], Route] = {}
    for info in pkgutil.iter_modules(protocol.__path__):
        module = importlib.import_module(f"{protocol.__name__}.{info.name}")
        found |= module.routes(host) if hasattr(module, "routes") else {}
    return found


def verdicts(settings: ServiceSettings) -> bytes:
    """What monitoring says of the deployment, where somebody evaluates it."""
    if settings.figures is None:
        return b""
    try:
        return Path(settings.figures).read_bytes()
    except OSError:  # not evaluated yet
        return b""


def allow(scope: Mapping[str, Any], settings: ServiceSettings) -> None:
    """Raise 401 unless the request carries one of the tokens; each is kept plain or as ``sha256:HEX``."""
    given = b""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            given = value[7:].strip()
    hashed = "sha256:" + hashlib.sha256(given).hexdigest()
    # Every token is compared, so that the time tells nothing.
    fits = [
        hmac.compare_digest(
            (hashed if token.startswith("sha256:") else given.decode("latin-1")).encode(), token.encode()
        )
        for token in settings.tokens
    ]
    if not given or not any(fits):
        raise UsageError(
            "A token is needed" if not given else "The token is not valid here",
            code="unauthorized",
            status=401,
            where="Authorization",
            why="This service answers only callers that hold one of its tokens.",
            fix="curl -H 'Authorization: Bearer TOKEN' …",
        )


def _wrong_method(path: str, method: str, methods: Mapping[str, Route]) -> NotFound:
    return NotFound(
        f"{path} does not answer {method}",
        code="wrong-method",
        status=405,
        where=path,
        why=f"It answers {' and '.join(sorted(methods))}.",
        fix=f"curl -X {sorted(methods)[0]} …{path}",
    )


def _unknown_path(path: str, known: Sequence[str]) -> NotFound:
    near = difflib.get_close_matches(path, known, n=1)
    return NotFound(
        f"There is nothing at {path[:200]}",
        code="not-found",
        where=path[:200],
        why=f"This service answers at {', '.join(known)}.",
        fix=f"curl …{near[0] if near else '/schema'}",
    )


def _request_ids() -> Iterator[str]:
    """Unique over workers and restarts, and cheaper than a uuid: a random prefix a process and a count."""
    prefix = os.urandom(8).hex()
    return (f"{prefix}-{n:x}" for n in itertools.count(1))


async def _send(send: Send, reply: Reply, *, head: bool = False) -> None:
    status, headers, body = reply
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b"" if head else body})
