"""One tree of errors; each says where, why, how to mend it, and what was kept.

Nb2prodError
├── UsageError      the call itself is off: an unknown flag, no such variable        exit 2   HTTP 400
├── Refused         something is wrong with the model, its code, data or answers     exit 1   HTTP 422
│   └── InputError  a request does not fit the model's signature                     exit 1   HTTP 422
├── Unverified      the proof could not be run here                                  exit 3   HTTP 503
├── NotFound        no deployment, version or file of that name                      exit 1   HTTP 404
├── Conflict        it is there already, is held by another, or is of a newer schema exit 1   HTTP 409
├── Unavailable     an outside system does not answer                                exit 1   HTTP 503
├── NoSpace         the disk or a cap is full                                        exit 1   HTTP 507
└── Failed          a step broke in a way that is ours or unknown                    exit 1   HTTP 500
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

REPORT = "nb2prod doctor --json > doctor.json      # for a bug report, beside what was typed and the traceback"
"""The fix of a fault that is ours: what whoever is to mend it needs."""
OURS = "This is a fault of nb2prod, not of the notebook."


class Nb2prodError(Exception):
    """Root of every error that nb2prod raises on purpose.

    Parameters
    ----------
    title
        One line that names the thing and what is wrong with it, without a final stop.
    code
        Short stable name, words joined by hyphens (``"not-fitted"``); part of ``urn:nb2prod:CODE`` over HTTP.
    where
        The place: a cell and line, a file, a column, a flag.
    why
        The cause, in a sentence or two. Never the value of a user's data.
    fix
        A line to type.
    kept
        What stays true in spite of the error; None where there is nothing to say.
    status
        The HTTP status, where the class's own does not fit.

    Examples
    --------
    >>> error = Nb2prodError("`clf` is not fitted", code="not-fitted", where="%deploy clf", fix="clf.fit(X, y)")
    >>> error.as_dict()["code"]
    'not-fitted'
    """

    status: int = 500
    exit_code: ClassVar[int] = 1
    keeps: ClassVar[str] = "nothing was changed"
    log: tuple[str, ...] = ()
    """What a process wrote last, where that is the cause; shown folded or at the end, never as `why`."""

    def __init__(
        self,
        title: str,
        *,
        code: str,
        where: str = "",
        why: str = "",
        fix: str = "",
        kept: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        self.code = code
        self.where = where
        self.why = why
        self.fix = fix
        self.kept = kept
        if status is not None:
            self.status = status

    def saying(self, log: Iterable[str]) -> Nb2prodError:
        """Attach what a process wrote last; returns the same error."""
        self.log = tuple(log)
        return self

    def as_dict(self) -> dict[str, Any]:
        """The seven fields that every front door shows, in their order."""
        return {
            "code": self.code,
            "title": self.title,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
            "kept": self.kept,
            "status": self.status,
        }

    def keeping(self, kept: str) -> Nb2prodError:
        """Say what was kept, where a later step knows it better; returns the same error."""
        self.kept = kept
        return self

    def whole(self, where: str) -> Nb2prodError:
        """Fill the lines that a front door must show and nobody said; `where` is what was typed. Returns the same error."""
        self.where = self.where or where
        self.why = self.why or "Nothing more is known of the cause."
        self.fix = self.fix or "nb2prod doctor"
        self.kept = self.kept or self.keeps
        return self

    def __str__(self) -> str:
        lines = [self.title]
        for label in ("where", "why", "fix", "kept"):
            text = getattr(self, label)
            if text:
                lines.append(f"  {label:<8} " + str(text).replace("\n", "\n" + " " * 11))
        return "\n".join(lines)


class UsageError(Nb2prodError):
    """The call itself is off."""

    status = 400
    exit_code = 2


class Refused(Nb2prodError):
    """Something is wrong with the model, its code, its data or its answers."""

    status = 422


class InputError(Refused):
    """A request does not fit the model's signature.

    ``pointer`` is the JSON Pointer (RFC 6901) of the place in the request body, ``column`` the model's column that it is about.
    """

    def __init__(self, title: str, *, pointer: str = "", column: str = "", **fields: Any) -> None:
        super().__init__(title, **fields)
        self.pointer = pointer
        self.column = column


class Unverified(Nb2prodError):
    """The proof could not be run here."""

    status = 503
    exit_code = 3


class NotFound(Nb2prodError):
    """No deployment, version or file of that name."""

    status = 404


class Conflict(Nb2prodError):
    """It is there already, is held by another, or is of a newer schema."""

    status = 409


class Unavailable(Nb2prodError):
    """An outside system does not answer."""

    status = 503


class NoSpace(Nb2prodError):
    """The disk or a cap is full."""

    status = 507


class Failed(Nb2prodError):
    """A step broke in a way that is ours or unknown; its cause stays attached as ``__cause__``."""

    status = 500
    keeps = "what was live goes on answering"
