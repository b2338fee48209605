"""What capture looks for: one class a finding, registered by being there.

A rule is a class derived from `Rule` in a module of this package. It looks at the whole case and gives findings.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterable

from nb2prod.capturing import acceptance
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.rules.unpicklable import culprit
from nb2prod.errors import Refused
from nb2prod.records.capture import Finding, RuleRecord

__all__ = ["Case", "Rule", "accepted", "culprit", "every", "listed", "look", "refuse", "sort"]

_ORDER = {"refuse": 0, "warn": 1, "note": 2}


@functools.cache
def every() -> tuple[Rule, ...]:
    """All rules, by their code."""
    found: list[Rule] = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and issubclass(kind, Rule) and kind.__module__ == module.__name__
            if own and kind.code and not inspect.isabstract(kind):
                found.append(kind())
    return tuple(sorted(found, key=lambda rule: rule.code))


def listed() -> tuple[RuleRecord, ...]:
    """Every rule in words, those that stop a capture first.

    Examples
    --------
    >>> next(one.fix for one in listed() if one.code == "environment-variable")
    '%deploy model --env NAME'
    """
    told = (
        RuleRecord(
            code=rule.code,
            severity=rule.severity,
            strict=rule.strict,
            about=rule.about,
            fix=rule.fix,
            accept=f"# nb2prod: accept {rule.code}: the reason" if rule.acceptable else None,
        )
        for rule in every()
    )
    return tuple(sorted(told, key=lambda one: (_ORDER[one.severity], one.code)))


def look(case: Case, *, strict: bool = False) -> tuple[Finding, ...]:
    """Everything that the rules find, what stops a capture first; what the notebook accepts with a reason is a note.

    Parameters
    ----------
    strict
        Findings of stale state refuse instead of warning.
    """
    found = [finding for rule in every() for finding in rule.found(case, strict=strict)]
    return sort(accepted(found, (source for _, source in case.notebook.executed)))


def sort(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: _ORDER[finding.severity]))


def accepted(findings: Iterable[Finding], sources: Iterable[str]) -> list[Finding]:
    """Findings with those turned into notes that a cell accepts: ``# nb2prod: accept CODE: the reason``."""
    may = {rule.code for rule in every() if rule.acceptable}
    return acceptance.of(findings, sources, may)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the first finding that stops a capture; the others are named in it."""
    stopping = [finding for finding in findings if finding.severity == "refuse"]
    if not stopping:
        return
    first, others = stopping[0], stopping[1:]
    also = "".join(f"\nalso: {finding.title} ({finding.where})" for finding in others)
    raise Refused(
        first.title,
        code=first.code,
        where=first.where,
        why=first.why + also,
        fix=first.fix,
        kept="nothing was captured",
    )
