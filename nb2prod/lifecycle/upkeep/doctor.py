"""doctor: every check in its order; with `fix` what can be mended is, and looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.checks import Ailment, Check, Ground
from nb2prod.records.base import Record
from nb2prod.targets.local import LocalTarget


class Diagnosis(Record, frozen=True, kw_only=True):
    """One line of doctor's answer.

    `state` is ``ok``, ``warn`` (something to know), ``bad`` (something does not work) or ``mended``. `fix` is a line to type,
    empty where nothing is wrong.
    """

    code: str
    title: str
    state: Literal["ok", "warn", "bad", "mended"]
    text: str
    fix: str = ""


def doctor(home: Home, *, fix: bool = False, target: LocalTarget | None = None) -> tuple[Diagnosis, ...]:
    """Look at Python, disk, supervisord, ports, processes, index, registry, `@champion`, leftovers and bytes by kind.

    Parameters
    ----------
    fix
        Mend what can be mended without losing anything; other things keep their line to type.
    target
        The home's local target; by default made from the home.

    Returns
    -------
    tuple of Diagnosis
        In a fixed order; a check may say several things.

    Examples
    --------
    >>> import tempfile
    >>> doctor(Home(root=tempfile.mkdtemp()))[0].title
    'Python'
    """
    ground = Ground(home, target or LocalTarget(home))
    kinds = sorted(Check.known, key=lambda kind: kind.order)
    return tuple(diagnosis for kind in kinds for diagnosis in _examine(kind(ground), fix))


def _examine(check: Check, fix: bool) -> Iterator[Diagnosis]:
    try:
        found = list(check.look())
        if not found:
            yield _said(check, "ok", check.well())
        for ailment in found:
            yield (
                _treat(check, ailment)
                if fix and ailment.mend
                else _said(check, ailment.severity, ailment.text, ailment.fix)
            )
    except Nb2prodError as error:  # one check that cannot look leaves the others alone
        yield _said(check, "bad", f"{error.title}. {error.why}", error.fix)


def _treat(check: Check, ailment: Ailment) -> Diagnosis:
    assert ailment.mend is not None
    try:
        ailment.mend()
    except Nb2prodError as error:
        return _said(check, "bad", f"{ailment.text} Mending failed: {error.title}.", error.fix)
    return _said(check, "mended", ailment.text)


def _said(check: Check, state: Literal["ok", "warn", "bad", "mended"], text: str, fix: str = "") -> Diagnosis:
    return Diagnosis(code=check.code, title=check.title, state=state, text=text, fix=fix)
