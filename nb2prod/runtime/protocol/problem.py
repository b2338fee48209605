"""Errors over HTTP: RFC 9457 problem details, with the seven fields every front door shows."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nb2prod.errors import Failed, InputError, Nb2prodError

TYPE: Final = (b"content-type", b"application/problem+json")


def problem(error: Nb2prodError, request_id: str) -> dict[str, Any]:
    """The document: type, title, status, detail, pointer, fix, kept, request_id, and code and where."""
    return {
        "type": f"urn:nb2prod:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.why,
        "pointer": error.pointer if isinstance(error, InputError) else "",
        "fix": error.fix,
        "kept": error.kept,
        "request_id": request_id,
        "code": error.code,
        "where": error.where,
    }


def response(error: Nb2prodError, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body."""
    body = msgspec.json.encode(problem(error, request_id))
    headers = [TYPE, (b"x-request-id", request_id.encode())]
    if error.status in (503, 429):
        headers.append((b"retry-after", b"1"))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return error.status, headers, body


def unknown(error: Exception, name: str) -> Failed:
    """An error of the model or ours; its message may hold values, so the caller gets the kind of it alone."""
    return Failed(
        "The model failed on this request",
        code="model-failed",
        where="predict",
        why=f"It raised {type(error).__name__}; the service's log has the traceback under this request_id.",
        fix=f"nb2prod logs {name}",
        kept="the service goes on answering",
    )
