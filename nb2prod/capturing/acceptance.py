"""Findings that a cell accepts, each with a reason: ``# nb2prod: accept CODE: the reason``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import msgspec

from nb2prod.records.capture import Finding

_ACCEPT = re.compile(r"#[ \t]*nb2prod:[ \t]*accept[ \t]+([a-z0-9-]+)[ \t]*[:,]?[ \t]*(.*)$")
_COMMENT = re.compile(r"[ \t]*#(?![ \t]*nb2prod:)(.*)$")


def of(findings: Iterable[Finding], sources: Iterable[str], may: Collection[str]) -> list[Finding]:
    """Findings with those turned into notes that a cell accepts; where it gives no reason, they say that one is asked for.

    Parameters
    ----------
    sources
        The cells.
    may
        Codes that a cell may accept at all.

    Examples
    --------
    >>> dict(reasons("# nb2prod: accept secret: a made-up key"))
    {'secret': 'a made-up key'}
    """
    said: dict[str, str] = {}
    for source in sources:
        for code, reason in reasons(source):
            said[code] = reason or said.get(code, "")
    return [
        _accepted(finding, said[finding.code])
        if finding.code in said and finding.code in may and finding.severity != "note"
        else finding
        for finding in findings
    ]


def reasons(source: str) -> Iterator[tuple[str, str]]:
    """Each code that a cell accepts with its reason: what stands behind it, or in the comment lines below; "" without one."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        found = _ACCEPT.search(line)
        if found:
            yield found[1], found[2].strip() or _below(lines[number + 1 :])


def _below(lines: list[str]) -> str:
    said = []
    for line in lines:
        comment = _COMMENT.match(line)
        if comment is None:
            break
        said.append(comment[1].strip())
    return " ".join(said).strip()


def _accepted(finding: Finding, reason: str) -> Finding:
    if reason:
        return msgspec.structs.replace(finding, severity="note", why=f"{finding.why} Accepted: {reason}")
    asked = f"A cell accepts {finding.code} without a reason, which does not count: # nb2prod: accept {finding.code}: the reason"
    return msgspec.structs.replace(finding, why=f"{finding.why} {asked}")
