"""Two versions side by side: one table of what changed, then the code."""

from __future__ import annotations

from nb2prod.sdk.card.shape import Card, Fold, Row, Table
from nb2prod.sdk.card.words import metric
from nb2prod.sdk.difference import DataChange, Difference

_SHOWN = 8
_FAR = 0.1  # below it a population stability index is called calm by everyone


def difference(found: Difference) -> Card:
    """What changed between two versions; code as unified diffs below the table."""
    rows = [row for row in (_code(found), _environment(found), *_data(found), _contract(found), *_right(found)) if row]
    title = f"{found.name}: version {found.before} to version {found.after}"
    tables = (Table(("", "what changed"), tuple(rows)),) if rows else ()
    moved = found.data.moved if found.data else ()
    lines = tuple((one.name, f"{one.psi:.3f}", one.what) for one in moved[:40])
    folds = (Fold("Columns", table=Table(("column", "PSI", "moved"), lines, align="lrl")),) if lines else ()
    foot = "\n\n".join(f"{change.name}\n{change.diff}" for change in found.code)
    head = title if rows else f"{title}: nothing changed"
    return Card(head=head, tables=tables, folds=folds, foot=foot, rows=_commits(found))


def _code(found: Difference) -> tuple[str, str] | None:
    if not found.code:
        return None
    lines = [line for change in found.code for line in change.diff.splitlines()[2:]]
    added, taken = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return "code", f"{', '.join(change.name for change in found.code)}: {added} lines added, {taken} taken out"


def _environment(found: Difference) -> tuple[str, str] | None:
    told = [f"Python {found.python[0]} to {found.python[1]}"] if found.python else []
    for one in found.packages[:_SHOWN]:
        if one.before and one.after:
            told.append(f"{one.name} {one.before} to {one.after}")
        else:
            told.append(f"{one.name} {one.after} is new" if one.after else f"{one.name} is gone")
    if len(found.packages) > _SHOWN:
        told.append(f"{len(found.packages) - _SHOWN} more packages")
    return ("environment", "; ".join(told)) if told else None


def _data(found: Difference) -> list[tuple[str, str]]:
    data = found.data
    if data is None or (data.same and not data.came and not data.went):
        return []
    rows = [("data", "; ".join(_told(data)))]
    far = [one for one in data.moved if one.psi >= _FAR][:_SHOWN]
    rows += [("", f"{one.name}: {one.what + ', ' if one.what else ''}PSI {one.psi:.2f}") for one in far]
    return rows


def _told(data: DataChange) -> list[str]:
    before, after = data.rows
    told = [f"{before:,} to {after:,} rows" if before != after else f"other rows, {after:,} as before"]
    told += [f"{name} is new" for name in data.came[:_SHOWN]] + [f"{name} is gone" for name in data.went[:_SHOWN]]
    if data.moved and data.moved[0].psi < _FAR:
        told.append(f"no column moved far (largest PSI {data.moved[0].psi:.2f}, {data.moved[0].name})")
    return told + list(data.sources[:3])


def _contract(found: Difference) -> tuple[str, str] | None:
    return ("signature", "; ".join(found.signature[:_SHOWN])) if found.signature else None


def _right(found: Difference) -> list[tuple[str, str]]:
    answers, rows = found.answers, []
    if answers.changed:
        share = answers.changed / (answers.compared or 1)
        rows.append(
            ("answers", f"{answers.changed} of {answers.compared} stored rows get another answer ({share:.0%})")
        )
    elif answers.changed is None and answers.why:
        rows.append(("answers", f"not compared: {answers.why}"))
    if found.quality and found.quality.before != found.quality.after:
        one = found.quality
        name = metric(one.name)
        rows.append(("hold-out", f"{name} {one.before:.3f} to {one.after:.3f}, each on its own hold-out"))
    return rows


def _commits(found: Difference) -> tuple[Row, ...]:
    before, after = found.commits
    if not before or not after:
        return ()
    return (Row("Commits", (f"{before[:10]} to {after[:10]}",)),)
