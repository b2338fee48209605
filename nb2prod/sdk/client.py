"""Asking a service: over its URL, or over a worker's unix socket before it takes traffic."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from nb2prod.errors import Failed, InputError, Nb2prodError, NotFound, Refused, Unavailable
from nb2prod.records.capture import Answers

_KINDS: dict[int, type[Nb2prodError]] = {404: NotFound, 422: Refused, 503: Unavailable}


class Client:
    """One service's HTTP client.

    Parameters
    ----------
    url
        Base URL; ignored for the connection where `socket` is given.
    socket
        A worker's unix socket.
    timeout
        Seconds for one request.
    """

    def __init__(self, url: str = "http://worker", *, socket: Path | None = None, timeout: float = 60.0) -> None:
        transport = httpx.HTTPTransport(uds=str(socket) if socket else None, retries=0)
        self._http = httpx.Client(base_url=url, transport=transport, timeout=timeout, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def predict(self, rows: list[Any] | tuple[Any, ...], **fields: Any) -> Answers:
        """Ask for answers to rows in wire form."""
        reply = self.post("/predict", {"inputs": list(rows), **fields})
        if len(reply["predictions"]) != len(rows):
            raise _miscounted(len(reply["predictions"]), len(rows))
        probabilities = reply.get("probabilities")
        return Answers(
            predictions=tuple(reply["predictions"]),
            probabilities=None if probabilities is None else tuple(tuple(row) for row in probabilities),
        )

    def post(self, path: str, body: Any) -> Any:
        """POST a JSON document and read the reply; problem+json comes back as our own error."""
        return self._read(lambda: self._http.post(path, content=_json(body), headers=_JSON))

    def feedback(self, items: list[Any]) -> Any:
        """Tell what became of several predictions; where none of them was kept the reply says so of each."""
        reply = self._ask(lambda: self._http.post("/feedback", content=_json(items), headers=_JSON))
        if reply.status_code == 422:
            told = _document(reply)
            if "refused" in told:
                return told
        return self._told(reply)

    def get(self, path: str) -> Any:
        return self._read(lambda: self._http.get(path))

    def ready(self) -> bool:
        """Does `/readyz` say 200?"""
        try:
            return self._http.get("/readyz", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self, *, deadline: float, alive: Callable[[], bool]) -> bool:
        """Wait until the service is ready; False once it died or `deadline` (monotonic seconds) has passed."""
        pause = 0.02
        while time.monotonic() < deadline:
            if self.ready():
                return True
            if not alive():
                return False
            time.sleep(pause)
            pause = min(pause * 1.3, 0.2)
        return False

    def _read(self, ask: Callable[[], httpx.Response]) -> Any:
        return self._told(self._ask(ask))

    def _ask(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return ask()
        except httpx.HTTPError as error:
            raise Unavailable(
                "The service does not answer",
                code="service-unreachable",
                where=str(self._http.base_url),
                why=str(error) or type(error).__name__,
                fix="nb2prod status",
            ) from error

    def _told(self, reply: httpx.Response) -> Any:
        if reply.status_code < 300:
            return msgspec.json.decode(reply.content)
        raise _problem(reply)


_JSON = {"content-type": "application/json"}


def _json(document: Any) -> bytes:
    return msgspec.json.encode(document, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """A numpy scalar as the number that it is, a null as none."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"`{type(value).__name__}` has no form in JSON")


def _miscounted(answers: int, rows: int) -> Failed:
    return Failed(
        f"The service gave {answers} answers to {rows} rows",
        code="wrong-count",
        where="/predict",
        why="Which answer is of which row cannot be told.",
        fix="return one prediction a row from predict, and %deploy again",
        kept="nothing was returned",
    )


def _document(reply: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(reply.content)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _problem(reply: httpx.Response) -> Nb2prodError:
    body = _document(reply)
    code = str(body.get("type", "")).removeprefix("urn:nb2prod:") or "service-failed"
    fields: dict[str, Any] = {
        "code": code,
        "where": str(body.get("pointer") or reply.request.url.path),
        "why": str(body.get("detail") or reply.text[:500]),
        "fix": str(body.get("fix") or "nb2prod logs"),
        "kept": body.get("kept"),
        "status": reply.status_code,
    }
    title = str(body.get("title") or f"The service answered {reply.status_code}")
    if body.get("pointer"):
        return InputError(title, pointer=str(body["pointer"]), **fields)
    return _KINDS.get(reply.status_code, Failed)(title, **fields)
