"""`nb2prod feedback`: labels and outcomes from a file, many at once."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import nb2prod
from nb2prod.cli import show
from nb2prod.cli.verbs import as_json, verb
from nb2prod.errors import UsageError
from nb2prod.sdk import labels

SHOWN = 5


@verb(
    "feedback",
    """
    nb2prod feedback delays labels.parquet --id flight_id --label late
    nb2prod feedback delays orders.csv --id order_id --time decided_at --outcome conversion --outcome cost
    """,
)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--id", "id_", required=True, metavar="COLUMN", help="The column with the ids that the predictions carried."
)
@click.option("--label", metavar="COLUMN", help="The column with the true label.")
@click.option("--time", metavar="COLUMN", help="The column that says when the label became known.")
@click.option(
    "--outcome", multiple=True, metavar="COLUMN", help="A column with a business outcome, a number. May be repeated."
)
@as_json
def feedback_(
    name: str, file: Path, id_: str, label: str | None, time: str | None, outcome: tuple[str, ...], as_json: bool
) -> int:
    if label is None and not outcome:
        raise click.UsageError("Name the label's column with --label, or an outcome's with --outcome")
    deployment = nb2prod.get(name)
    send = deployment.feedback  # of a service elsewhere this is refused, before anything is read
    given = [("--id", id_), ("--label", label), ("--time", time), *(("--outcome", one) for one in outcome)]
    columns = [(flag, column) for flag, column in given if column is not None]
    frame = _read(file, _line(name, Path("labels.parquet"), columns))
    for _, column in columns:
        _there(column, frame, file, _line(name, file, columns))
    columns_ = {column: _plain(frame[column]) for _, column in columns}
    if label is not None:
        columns_[label] = labels.fitting(columns_[label], deployment.signature.output)
    columns_ |= {one: labels.numbers(columns_[one]) for one in outcome}
    rows, items = zip(*_items(columns_, id_, label, time, outcome), strict=True) if len(frame) else ((), ())
    told = send(list(items))
    told["refused"] = [{**bad, "row": rows[bad["item"]] + 1, "id": items[bad["item"]]["id"]} for bad in told["refused"]]
    unsent = sorted(_declared(deployment).intersection(map(str, frame.columns)).difference(outcome))
    told |= {"unsent": unsent, "empty": sorted({n + 1 for n in range(len(frame))}.difference(row + 1 for row in rows))}
    named = [column for column in (label, *outcome) if column is not None]
    return _show(name, file, told, columns, named, as_json)


def _declared(deployment: Any) -> set[str]:
    """The outcomes that its feedback may carry."""
    return {rule.alert.outcome for rule in deployment.limits() if rule.alert.outcome is not None}


def _line(name: str, file: Path, columns: Sequence[tuple[str, str]]) -> str:
    return shlex.join(["nb2prod", "feedback", name, str(file), *(word for pair in columns for word in pair)])


def _read(file: Path, example: str) -> Any:
    import pandas as pd

    readers: dict[str, Callable[[Path], Any]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".json": pd.read_json,
        ".jsonl": lambda path: pd.read_json(path, lines=True),
    }
    reader = readers.get(file.suffix.lower())
    if reader is None or not file.is_file():
        raise UsageError(
            f"`{file}` cannot be read" if reader else f"`{file.name}` is of no known kind",
            code="no-file",
            where=str(file),
            why="There is no such file." if reader else f"Known are {', '.join(readers)}.",
            fix=example,
            kept="no label was sent",
        )
    try:
        return reader(file)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"`{file}` cannot be read as {file.suffix[1:]}",
            code="no-file",
            where=str(file),
            why=str(error).splitlines()[0],
            fix=f"head {file}",
            kept="no label was sent",
        ) from error


def _there(column: str, frame: Any, file: Path, typed: str) -> None:
    if column in frame.columns:
        return
    names = [str(name) for name in frame.columns]
    near = difflib.get_close_matches(column, names, n=1)
    raise UsageError(
        f"`{file.name}` has no column `{column}`",
        code="no-such-column",
        where=str(file),
        why=f"Its columns are {', '.join(names[:20])}.",
        fix=re.sub(rf"(?<= ){re.escape(column)}(?= |$)", near[0] if near else "COLUMN", typed),
        kept="no label was sent",
    )


def _items(
    columns: dict[str, list[Any]], id_: str, label: str | None, time: str | None, outcome: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The row and its item; a row that knows neither label nor outcome yet is left for later."""
    for n in range(len(columns[id_])):
        item: dict[str, Any] = {"id": columns[id_][n]}
        if label is not None and columns[label][n] is not None:
            item["label"] = columns[label][n]
        known = {name: columns[name][n] for name in outcome if columns[name][n] is not None}
        if known:
            item["outcomes"] = known
        if time is not None and columns[time][n] is not None:
            item["time"] = columns[time][n]
        if "label" in item or known:
            yield n, item


def _plain(series: Any) -> list[Any]:
    """Values as JSON has them: None for a null, a date-time as RFC 3339."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(series):
        return [None if pd.isna(value) else value.isoformat() for value in series]
    return [None if missing else value for value, missing in zip(series.tolist(), series.isna(), strict=True)]


def _show(
    name: str,
    file: Path,
    told: dict[str, Any],
    columns: Sequence[tuple[str, str]],
    named: Sequence[str],
    as_json: bool,
) -> int:
    """`unsent` are columns that are named as declared outcomes are and were not asked for; `empty` the rows with no value in
    any column that is `named`."""
    refused, unsent, empty = list(told.get("refused", ())), told["unsent"], told["empty"]
    if as_json:
        show.document({"name": name, **told})
        return 1 if refused else 0
    from nb2prod.sdk.card import Card, Code, Row
    from nb2prod.sdk.card.words import count

    rows = [Row("Next", (Code(f"nb2prod status {name}"),))]
    if refused:
        said = tuple(f"row {bad['row']} ({bad['id']}): {bad.get('why') or bad['title']}" for bad in refused[:SHOWN])
        rows.insert(0, Row("Refused", (count(len(refused), "item"), *said)))
    if empty:
        rows.insert(0, Row("Left out", (_left(empty, named), Code(_line(name, file, columns)))))
    if unsent:
        which = f"{', '.join(unsent)}: declared as outcome{'s' * (len(unsent) > 1)} and not sent"
        whole = _line(name, file, [*columns, *(("--outcome", one) for one in unsent)])
        rows.insert(0, Row("Heads up", (which, Code(whole))))
    tone: Any = "wrong" if refused else "decide" if unsent or empty else "done"
    show.card(Card(head=f"{name} took {count(told['accepted'], 'item')} from {file.name}", rows=tuple(rows), tone=tone))
    return 1 if refused else 0


def _left(empty: Sequence[int], named: Sequence[str]) -> str:
    """Which rows say nothing yet, and what becomes of them."""
    from nb2prod.sdk.card.words import count

    columns = " and ".join(f"`{column}`" for column in named)
    first = ", ".join(map(str, empty[:SHOWN])) + (f" and {len(empty) - SHOWN} more" if len(empty) > SHOWN else "")
    which = f"row {first}" if len(empty) == 1 else f"rows {first}"
    return f"{count(len(empty), 'row')} with nothing in {columns} ({which}); send the file again once it is known:"
