"""What changed between two versions of a model: code, environment, data, signature, answers, quality."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from nb2prod import environments, registry
from nb2prod.capturing import replay
from nb2prod.errors import Nb2prodError, NotFound
from nb2prod.home import Home
from nb2prod.records.base import Record
from nb2prod.records.capture import Answers, Capture, Golden, Signature
from nb2prod.sdk.baselines import Moved, moved
from nb2prod.sdk.comparison import columns, differing, restricted
from nb2prod.sdk.environment import values

_PIN = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")


class CodeChange(Record, frozen=True, kw_only=True):
    """A unified diff of the cells behind the model, or of a file of its local code."""

    name: str
    diff: str


class PackageChange(Record, frozen=True, kw_only=True):
    """A package of the lock: its version before and after; None where it was not there."""

    name: str
    before: str | None = None
    after: str | None = None


class DataChange(Record, frozen=True, kw_only=True):
    """The training data of both: rows, columns that came and went, and how far each column lies from before."""

    rows: tuple[int, int]
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    same: bool = False
    moved: tuple[Moved, ...] = ()
    sources: tuple[str, ...] = ()


class AnswerChange(Record, frozen=True, kw_only=True):
    """How many stored rows, with the columns that both know, get another answer; `why` where they could not be compared."""

    changed: int | None = None
    compared: int | None = None
    why: str = ""


class Quality(Record, frozen=True, kw_only=True):
    """The hold-out metric of both, where both have the same one; each on its own hold-out."""

    name: str
    before: float
    after: float


class Difference(Record, frozen=True, kw_only=True):
    """Everything that two versions of a name do not share."""

    name: str
    before: int
    after: int
    code: tuple[CodeChange, ...] = ()
    python: tuple[str, str] | None = None
    packages: tuple[PackageChange, ...] = ()
    data: DataChange | None = None
    signature: tuple[str, ...] = ()
    answers: AnswerChange = AnswerChange()
    quality: Quality | None = None
    commits: tuple[str | None, str | None] = (None, None)


def diff(name: str, before: int, after: int, *, home: Home | None = None) -> Difference:
    """Compare two registered versions of a model.

    Parameters
    ----------
    name
        The model's name.
    before, after
        The two versions.

    Returns
    -------
    Difference
        Code as unified diffs, packages of the lock, training data (PSI on the older one's tenths), signature, the share of
        stored rows that get another answer (asked in the newer one's clean environment), the hold-out metric.

    Raises
    ------
    NotFound
        There is no such version.
    Refused
        A capture is not as it was registered.

    Examples
    --------
    >>> import nb2prod
    >>> nb2prod.diff("delays", 3, 4).packages      # doctest: +SKIP
    """
    home = home or Home()
    try:
        old, new = (registry.fetch(name, version, home) for version in (before, after))
    except NotFound as error:
        error.fix = _those_there(name, before, after, home) or error.fix
        raise
    return compare(old, new, name=name, versions=(before, after), home=home)


def _those_there(name: str, before: int, after: int, home: Home) -> str:
    """The command with two versions that there are: the one asked for that is there, and the newest other."""
    known = sorted(one.version for one in registry.versions(name, home))
    if len(known) < 2:
        return ""
    asked = next((version for version in (before, after) if version in known), known[-1])
    other = max(version for version in known if version != asked)
    return f"nb2prod diff {name} {min(asked, other)} {max(asked, other)}"


def compare(old: Capture, new: Capture, *, name: str, versions: tuple[int, int], home: Home) -> Difference:
    """The difference of two captures."""
    ours, theirs = old.record, new.record
    pythons = ours.environment.python, theirs.environment.python
    commits = ours.lineage.git_commit, theirs.lineage.git_commit
    return Difference(
        name=name,
        before=versions[0],
        after=versions[1],
        code=tuple(_code(old, new)),
        python=pythons if pythons[0] != pythons[1] else None,
        packages=tuple(_packages(old, new)),
        data=_data(old, new),
        signature=tuple(_contract(ours.signature, theirs.signature)),
        answers=_answers(old, new, home),
        quality=_quality(old, new),
        commits=commits if commits[0] != commits[1] else (None, None),
    )


def _code(old: Capture, new: Capture) -> Iterator[CodeChange]:
    yield from _unified("cells", _cells(old), _cells(new))
    files = {path.relative_to(c.folder / "code").as_posix() for c in (old, new) for path in _files(c.folder / "code")}
    for name in sorted(files):
        yield from _unified(name, *(_lines(c.folder / "code" / name) for c in (old, new)))


def _unified(name: str, before: list[str], after: list[str]) -> Iterator[CodeChange]:
    text = "\n".join(difflib.unified_diff(before, after, "before", "after", n=2, lineterm=""))
    if text:
        yield CodeChange(name=name, diff=text)


def _cells(capture: Capture) -> list[str]:
    return [line for cell in capture.record.lineage.cells for line in [*cell.source.rstrip().split("\n"), ""]]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"] if folder.is_dir() else []


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    data = path.read_bytes()
    return [f"{len(data):,} bytes"] if b"\0" in data else data.decode(errors="replace").splitlines()


def _packages(old: Capture, new: Capture) -> Iterator[PackageChange]:
    before, after = (dict(_PIN.findall((c.folder / "requirements.txt").read_text())) for c in (old, new))
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield PackageChange(name=name, before=before.get(name), after=after.get(name))


def _data(old: Capture, new: Capture) -> DataChange:
    before, after = (c.record.signature.names for c in (old, new))
    same = old.record.baseline == new.record.baseline
    sources = [
        f"{one.role}: {one.source}"
        for one in new.record.lineage.data
        if one.source and one not in old.record.lineage.data
    ]
    return DataChange(
        rows=(old.record.baseline_rows, new.record.baseline_rows),
        came=tuple(name for name in after if name not in before),
        went=tuple(name for name in before if name not in after),
        same=same,
        moved=() if same else tuple(moved(old.folder / "baseline", new.folder / "baseline")),
        sources=tuple(dict.fromkeys(sources)),
    )


def _contract(old: Signature, new: Signature) -> Iterator[str]:
    before, after = ({column.name: column for column in one.columns} for one in (old, new))
    yield from (f"`{name}` ({after[name].kind}) is new" for name in after if name not in before)
    yield from (f"`{name}` ({before[name].kind}) is gone" for name in before if name not in after)
    alike: dict[str, list[str]] = {}
    for name in [name for name in before if name in after]:
        for field in ("kind", "dtype", "nullable", "categories"):
            was, now = getattr(before[name], field), getattr(after[name], field)
            if was != now:
                alike.setdefault(f"{field}: {_shown(was)} to {_shown(now)}", []).append(f"`{name}`")
    yield from (f"{', '.join(names)} {change}" for change, names in alike.items())
    for field in ("rows", "dtype", "extra_columns", "time", "id"):
        if getattr(old, field) != getattr(new, field):
            yield f"{field.replace('_', ' ')}: {getattr(old, field)} to {getattr(new, field)}"
    for field in ("kind", "container", "dtype", "classes", "probabilities"):
        was, now = getattr(old.output, field), getattr(new.output, field)
        if was != now:
            yield f"answer's {field}: {_shown(was)} to {_shown(now)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} ({', '.join(map(str, value[:5]))}{' …' if len(value) > 5 else ''})"
    return str(value)


def _answers(old: Capture, new: Capture, home: Home) -> AnswerChange:
    """The older one's stored rows asked of the newer; where that has columns more, its own rows asked of the older."""
    came, went = columns(new) - columns(old), columns(old) - columns(new)
    if came and went:
        return AnswerChange(why=f"each has columns that the other lacks ({', '.join(sorted(came | went)[:6])})")
    asked, known = (old, new) if came else (new, old)
    golden = known.golden
    if golden is None or not golden.rows:
        which = "newer" if came else "older"
        return AnswerChange(why=f"no rows stayed with the {which} version (--golden none)")
    expected = golden.batch
    try:
        got = _asked(asked, restricted(golden, came | went), home)
    except Nb2prodError as error:
        return AnswerChange(compared=len(expected.predictions), why=f"{error.title}. {error.why}".strip())
    return AnswerChange(changed=differing(golden, got), compared=len(expected.predictions))


def _asked(capture: Capture, golden: Golden, home: Home) -> Answers:
    own = capture.golden
    if own is not None and own.rows == golden.rows:
        return own.batch
    variables = values(capture.record.environment.variables)
    with environments.in_use(home.cache):
        python = environments.build_for(capture, home=home).python
        return replay.answers(capture, python, golden, home=home, variables=variables)


def _quality(old: Capture, new: Capture) -> Quality | None:
    before, after = old.record.holdout, new.record.holdout
    if before is None or after is None or before.name != after.name:
        return None
    return Quality(name=after.name, before=before.value, after=after.value)
