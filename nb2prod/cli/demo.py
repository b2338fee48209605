"""`nb2prod demo`: the story of nb2prod.demo with a bar for each stage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from nb2prod.cli import show
from nb2prod.cli.verbs import as_json, verb


@verb("demo", "nb2prod demo\n nb2prod demo --keep\n nb2prod demo --json")
@click.option("--keep", is_flag=True, help="Leave the service running, in the home it was made in.")
@as_json
def demo_(keep: bool, as_json: bool) -> None:
    from nb2prod import demo

    with _bars() as watcher:
        found, home = demo.run(watcher, keep=keep)
    if as_json:
        show.document(found)
        if home is not None:
            print(f"kept in {home}; to end it: NB2PROD_HOME={home} nb2prod uninstall --yes", file=sys.stderr)
    else:
        show.card(demo.shown(found, home))


class Quiet:
    """Nobody looks on."""

    def begin(self, stage: str, total: int, text: str) -> None:
        pass

    def advance(self, stage: str, by: int = 1, text: str = "") -> None:
        pass


class Bars:
    """One bar a stage, on stderr."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def begin(self, stage: str, total: int, text: str) -> None:
        self._tasks[stage] = self._progress.add_task(f"{stage:<8}", total=total, text=text)

    def advance(self, stage: str, by: int = 1, text: str = "") -> None:
        told = {"text": text} if text else {}
        self._progress.update(self._tasks[stage], advance=by, **told)


@contextmanager
def _bars() -> Iterator[Quiet | Bars]:
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bars(progress)
