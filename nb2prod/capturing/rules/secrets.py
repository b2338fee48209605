"""Credentials in what travels and in the notebook itself: values, code, cells, their outputs, the strings of saved files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from nb2prod.capturing.cells import parse
from nb2prod.capturing.credentials import forms, kind
from nb2prod.capturing.credentials.files import in_file, in_pickle
from nb2prod.capturing.credentials.folding import constants
from nb2prod.capturing.credentials.texts import in_code, in_json, in_source, in_text
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity

_IN_CODE = "code"
_IN_FILE = "file"
_IN_CELL = "cell"
_IN_OUTPUT = "output"
_IN_METADATA = "metadata"


@dataclass
class Place:
    """Where a credential is: the places of one and the same, and what to look for to know it again (never shown)."""

    what: str
    name: str | None
    places: list[str]
    kind: str = "held"
    marks: list[str] = field(default_factory=list, repr=False)


class Secret(Rule):
    """Whether it travels or stands in a cell or an output: notebooks are passed on, and cells are kept with the lineage."""

    code: ClassVar[str] = "secret"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "a credential is in the model, its code, a cell or an output"
    fix: ClassVar[str] = 'os.environ["NAME"] inside predict, and %deploy model --env NAME'

    def look(self, case: Case) -> Iterator[Finding]:
        found: list[Place] = []
        for place in (*_held(case), *_travelling(case), *_cells(case), *_outputs(case), *_beside(case)):
            same = next((known for known in found if any(m in text for m in known.marks for text in place.marks)), None)
            if same is None:
                found.append(place)
            elif place.kind != _IN_OUTPUT or same.kind == _IN_OUTPUT:
                same.places += [one for one in place.places if one not in same.places]
            else:
                found.append(place)
        yield from (_finding(place) for place in found)


def in_files(folder: Path) -> Iterator[Finding]:
    """Credentials in the saved files of a folder, one a file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found = next(in_file(path), None)
            if found is not None:
                line = f", line {found.line}" if found.line > 1 else ""
                place = f"{path.relative_to(folder.parent).as_posix()}{line}"
                shown = f"{place}: {found.name}" if found.name else place
                yield _finding(Place(found.what, found.name, [shown], _IN_FILE))


def secret(text: str, name: str | None = None) -> str | None:
    """What kind of credential a text is or holds; None where it is none."""
    return kind(text, (name,) if name else ())


def _finding(place: Place) -> Finding:
    """Its words never hold the value."""
    where = "; ".join(_redacted(one) for one in place.places[:4])
    variable = _variable(place)
    readable = "Whoever has the capture, the registry or the Bento could read it."
    travels, title = {
        _IN_CODE: (readable, "in code that goes along with the model"),
        _IN_FILE: (readable, "in a file that goes along with the model"),
        _IN_CELL: ("The notebook is passed on, and its cells are kept with the model's lineage.", "in a cell"),
        _IN_OUTPUT: ("The notebook is passed on with its outputs.", "in an output"),
        _IN_METADATA: (
            "The notebook is passed on with its metadata and the state of its widgets.",
            "in the notebook's metadata",
        ),
    }.get(place.kind, (readable, "in what the model holds"))
    fix = {
        _IN_CODE: f'read it inside predict: os.environ["{variable}"], and %deploy model --env {variable}',
        _IN_FILE: f'in its place read os.environ["{variable}"] when predict runs, and %deploy model --env {variable}',
        _IN_CELL: f'in its place os.environ["{variable}"], set where Jupyter is started; save, run it again, and '
        f"%deploy model --env {variable} where predict needs it",
        _IN_OUTPUT: f'read it from os.environ["{variable}"], set where Jupyter is started, and print it nowhere; clear that '
        "output, save the notebook, and %deploy again",
        _IN_METADATA: "take it out of the notebook's metadata (a widget's: clear the outputs), save, and %deploy again",
    }.get(
        place.kind,
        f'in place of {_held_at(place)} read os.environ["{variable}"] inside predict, and %deploy model --env {variable}',
    )
    return Finding(
        code=Secret.code,
        severity="refuse",
        title=f"There is {place.what} {title}",
        where=where,
        why=f"{travels} If it is none, say so in a cell: # nb2prod: accept {Secret.code}: the reason",
        fix=fix,
    )


def _variable(place: Place) -> str:
    """The environment variable that is offered for it, called as it is called now."""
    named = re.sub(r"\W+", "_", place.name or "").strip("_").upper()
    return named if named[:1].isalpha() else "PASSWORD" if "password" in place.what else "TOKEN"


def _held_at(place: Place) -> str:
    return _redacted(place.places[0].split(" (")[0].removesuffix(": a key"))


def _held(case: Case) -> Iterator[Place]:
    for held in case.held:
        path = f"{held.path} (used in {held.of})" if held.of else held.path
        if isinstance(held.value, dict):
            keys = [key for key in held.value if isinstance(key, str) and len(key) >= 16]
            yield from (Place(what, None, [f"{path}: a key"], marks=[key]) for key in keys if (what := forms.of(key)))
        elif isinstance(held.value, str | bytes | bytearray):
            text, name = _text(held.value), _last_name(held.path)
            what = kind(text, (name,) if name else (), code=True)
            what = what or next((found.what for found in in_text(text) if _lines(text)), None)
            if what is None and text[:1] == "\x80":  # a pickle within
                what = next((found.what for found in in_pickle(text.encode("latin-1"))), None)
            if what is not None:
                yield Place(what, name, [path], marks=[text])


def _travelling(case: Case) -> Iterator[Place]:
    for code in case.travelling:
        for found in in_code(code.tree):
            place = f"{code.where}, line {found.line}"
            shown = f"{place}: {found.name}" if found.name else place
            yield Place(found.what, found.name, [shown], _IN_CODE, [place])


def _cells(case: Case) -> Iterator[Place]:
    """The cells as they are saved, and those that made the model as they ran."""
    notebook = case.notebook
    sources = [(source, f"In [{number}]", notebook.place(number)) for number, source in notebook.executed]
    if notebook.saved is not None:
        made = {cell.execution for cell in case.behind}
        ran = {number: place for number, (_, _, place) in zip((n for n, _ in notebook.executed), sources, strict=True)}
        at = {id(cell): number for number, cell in notebook.positions.items()}
        sources = [
            (s, name, place) for (s, name, place), (n, _) in zip(sources, notebook.executed, strict=True) if n in made
        ]
        sources += [(cell.source, "", ran.get(at.get(id(cell), 0), f"cell {cell.index}")) for cell in notebook.saved]
    seen: set[str] = set()
    known: dict[str, Any] = {}
    for source, _, place in sources:
        lines = source.split("\n")
        before = dict(known)
        if (tree := parse(source)) is not None:
            known |= constants(tree)
        for found in in_source(source, before):
            shown = f"{place}, line {found.line}"
            if shown in seen:
                continue
            seen.add(shown)
            line = lines[found.line - 1] if found.line <= len(lines) else ""
            yield Place(
                found.what, found.name, [f"{shown}: {found.name}" if found.name else shown], _IN_CELL, [line, shown]
            )


def _outputs(case: Case) -> Iterator[Place]:
    for cell in case.notebook.saved or ():
        for text in cell.outputs:
            found = next(in_text(text), None)
            if found is not None:
                number = f" (In [{cell.execution}])" if cell.execution else ""
                line = f", line {found.line}" if found.line > 1 else ""
                shown = f"output of cell {cell.index}{number}{line}"
                yield Place(
                    found.what, found.name, [f"{shown}: {found.name}" if found.name else shown], _IN_OUTPUT, [text]
                )
                break


def _beside(case: Case) -> Iterator[Place]:
    """Markdown and raw cells, and what the file keeps beside the cells: parameters, the state of widgets."""
    path = case.notebook.path
    if path is None or case.notebook.saved is None or not path.is_file():
        return
    document = json.loads(path.read_bytes())
    for index, cell in enumerate(document.get("cells", ()), start=1):
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") != "code":
            yield from (
                Place(found.what, found.name, [f"cell {index}, line {found.line}"], _IN_CELL, [source])
                for found in in_text(source)
            )
        yield from _in_metadata(cell.get("metadata"), f"metadata of cell {index}")
    yield from _in_metadata(document.get("metadata"), "metadata of the notebook")


def _in_metadata(metadata: Any, place: str) -> Iterator[Place]:
    found = next(in_json(metadata), None) if metadata else None
    if found is not None:
        yield Place(found.what, found.name, [f"{place}: {found.name}" if found.name else place], _IN_METADATA, [place])


def _lines(text: str) -> bool:
    return "\n" in text or "=" in text or ": " in text


def _last_name(path: str) -> str | None:
    found = re.findall(r"[A-Za-z_]\w*", path.split(" (")[0].rpartition(": ")[2])
    return found[-1] if found else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value[:200_000]).decode("latin-1")


def _redacted(place: str) -> str:
    """A key of a dictionary may be a credential itself."""
    return re.sub(r"'[^']{10,}'|\"[^\"]{10,}\"", lambda key: "'…'" if forms.of(key[0][1:-1]) else key[0], place)
