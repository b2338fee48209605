"""Keeping a home well: `prune`, `doctor`, `uninstall`, and `ui`, MLflow's own screen on it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click

from nb2prod.cli import show
from nb2prod.cli.life import confirm, yes
from nb2prod.cli.verbs import as_json, verb

if TYPE_CHECKING:
    from nb2prod.lifecycle.upkeep import Diagnosis, Pruned, Removed
    from nb2prod.sdk.card import Card

_SHAPES = {"ok": "·", "mended": "●", "warn": "◑", "bad": "×"}


@verb("prune", "nb2prod prune --dry-run\n nb2prod prune --keep 3")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--keep", type=click.IntRange(min=1), default=5, show_default=True, help="Versions of a name that stay.")
@as_json
def prune_(dry_run: bool, keep: int, as_json: bool) -> None:
    from nb2prod.home import Home
    from nb2prod.lifecycle import upkeep

    pruned = upkeep.prune(Home(), dry_run=dry_run, keep=keep)
    return show.document(pruned) if as_json else show.card(_pruned(pruned))


@verb("doctor", "nb2prod doctor\n nb2prod doctor --fix")
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything.")
@as_json
def doctor_(fix: bool, as_json: bool) -> int:
    from nb2prod.home import Home
    from nb2prod.lifecycle import upkeep

    found = upkeep.doctor(Home(), fix=fix)
    if as_json:
        show.document({"checks": found})
    else:
        show.card(_examined(found))
    return int(any(one.state == "bad" for one in found))


@verb("uninstall", "nb2prod uninstall\n nb2prod uninstall --yes")
@yes
@as_json
def uninstall_(yes: bool, as_json: bool) -> None:
    from nb2prod.home import Home
    from nb2prod.lifecycle import upkeep
    from nb2prod.sdk.card import Card, Code, Row
    from nb2prod.sdk.card.words import size

    home = Home()
    loss = (
        f"All services of this home stop; {home.root} is removed with every deployment, version and count in it, "
        f"and of the shared cache {home.cache} what no other home uses."
    )
    confirm(loss, yes, "nb2prod uninstall")
    removed = upkeep.uninstall(home)
    if as_json:
        return show.document(removed)
    rows = [Row("Removed", (str(home.root),)), Row("Cache", tuple(_cache(removed)))]
    rows.append(Row("Next", (Code("pip uninstall nb2prod"),)))
    return show.card(Card(head=f"{size(removed.bytes)} are free again", rows=tuple(rows)))


@verb("ui", "nb2prod ui\n nb2prod ui --port 5001")
@click.option("--port", type=int, default=5000, show_default=True, help="Where it listens, on this machine only.")
@as_json
def ui_(port: int, as_json: bool) -> int:
    from nb2prod import registry
    from nb2prod.home import Home

    uri = registry.tracking_uri(Home())
    if uri.startswith(("http:", "https:")):
        _where(uri, uri, as_json)
        return 0
    _where(f"http://127.0.0.1:{port}", uri, as_json)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    return subprocess.run(command, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=False).returncode


def _where(url: str, uri: str, as_json: bool) -> None:
    if as_json:
        show.document({"url": url, "tracking_uri": uri})
    else:
        click.echo(f"MLflow's own UI on this home: {url}      Ctrl-C ends it")


def _cache(removed: Removed) -> list[str]:
    """What became of the shared cache, in bytes, and who uses what is left."""
    from nb2prod.sdk.card.words import count, size

    said = [f"{size(removed.cache_bytes)} of {removed.cache} are free again"] if removed.cache_bytes else []
    if removed.users:
        homes = count(len(removed.users), "other home")
        said.append(f"kept: the cache of {size(removed.kept_bytes)}, used by {homes}: {', '.join(removed.users)}")
    elif removed.kept:
        said.append(f"kept: the cache of {size(removed.kept_bytes)}, a process works with it")
    elif removed.kept_bytes:
        said.append(f"{size(removed.kept_bytes)} stay in {removed.cache}, which nb2prod did not write")
    return said or [f"nothing of it was in {removed.cache}"]


def _pruned(pruned: Pruned) -> Card:
    from nb2prod.sdk.card import Card, Code, Row, Table
    from nb2prod.sdk.card.words import size

    if not pruned.freed:
        return Card(head="Nothing here is without use")
    lines = tuple((one.kind, one.what, size(one.bytes), one.why) for one in pruned.freed)
    told = f"{size(pruned.bytes)} would be free again" if pruned.dry_run else f"{size(pruned.bytes)} are free again"
    rows = (Row("Next", (Code("nb2prod prune"),)),) if pruned.dry_run else ()
    return Card(head=told, tables=(Table(("kind", "what", "size", "why"), lines, align="llrl"),), rows=rows)


def _examined(found: tuple[Diagnosis, ...]) -> Card:
    from nb2prod.sdk.card import Card, Code, Row, Table

    lines = tuple((_SHAPES[one.state], one.title, one.state, one.text) for one in found)
    bad = [one for one in found if one.state in ("bad", "warn")]
    fixes: list[Any] = [Code(one.fix, note=one.title) for one in bad if one.fix]
    head = "All is well" if not bad else f"{len(bad)} of {len(found)} checks have something to say"
    rows = (Row("fix", tuple(dict.fromkeys(fixes))),) if fixes else ()
    return Card(head=head, tables=(Table(("", "check", "state", "found"), lines),), rows=rows)
