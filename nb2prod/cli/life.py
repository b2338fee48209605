"""A deployment's life: `rollback`, `stop`, `start`, `remove`."""

from __future__ import annotations

import dataclasses
import sys
import warnings

import click
import msgspec

import nb2prod
from nb2prod.cli import show
from nb2prod.cli.look import named
from nb2prod.cli.verbs import as_json, verb
from nb2prod.errors import UsageError

yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@verb("rollback", "nb2prod rollback delays\n nb2prod rollback delays --to 2")
@click.argument("name", required=False)
@click.option("--to", type=int, metavar="VERSION", help="An older version; default: the one before.")
@as_json
def rollback_(name: str | None, to: int | None, as_json: bool) -> None:
    found = named(name, "rollback")
    before = found.status()
    was, canary = before.version, before.canary
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would warn of is shown below
        version = found.rollback(to)
    ended = canary.version if canary is not None else None
    if as_json:
        return show.document({"name": found.name, "version": version, "replaced": was, "canary_ended": ended})
    from nb2prod.sdk.card import Card, Code, Row

    if version == was and canary is not None:
        again = Code(f"nb2prod canary {found.name} {ended} --percent {canary.percent:g}", note="undo")
        further = Code(f"nb2prod rollback {found.name}", note="to the version before")
        head = f"{found.name}: the canary of version {ended} ended; version {version} answers everything, as before"
        return show.card(Card(head=head, rows=(Row("Next", (Code(f"nb2prod status {found.name}"), again, further)),)))

    rows = (
        Row(
            "Next",
            (Code(f"nb2prod status {found.name}"), Code(f"nb2prod rollback {found.name} --to {was}", note="undo")),
        ),
    )
    return show.card(Card(head=f"{found.name} {version} takes the traffic again, in place of {was}", rows=rows))


@verb("stop", "nb2prod stop delays")
@click.argument("name", required=False)
@as_json
def stop_(name: str | None, as_json: bool) -> None:
    found = named(name, "stop")
    found.stop()
    _done(found.name, "stopped", as_json, then=f"nb2prod start {found.name}")


@verb("start", "nb2prod start delays")
@click.argument("name", required=False)
@as_json
def start_(name: str | None, as_json: bool) -> None:
    found = named(name, "start")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found.start()
    said = tuple(str(one.message) for one in told)
    if as_json:
        document = msgspec.to_builtins(found.status())
        return show.document({**document, "warnings": said} if said else document)
    from nb2prod.sdk import card

    shown = card.deployment(found.status(), voice="terminal")
    noted = (card.Row("Heads up", said),) if said else ()
    return show.card(dataclasses.replace(shown, rows=(*noted, *shown.rows)))


@verb("remove", "nb2prod remove delays\n nb2prod remove delays --purge")
@click.argument("name")
@click.option("--purge", is_flag=True, help="Also its registered versions, counts and history. This cannot be undone.")
@yes
@as_json
def remove_(name: str, purge: bool, yes: bool, as_json: bool) -> None:
    found = nb2prod.get(name)
    if purge:
        loss = f"{name}: all its registered versions, counts and history will be lost."
        confirm(loss, yes or as_json, f"nb2prod remove {name} --purge")
    version = found.version
    found.remove(purge=purge)
    _done(name, "removed", as_json, then="" if purge or version is None else f"nb2prod deploy models:/{name}/{version}")


def confirm(loss: str, yes: bool, command: str) -> None:
    """Name what will be lost and ask once; where nobody can answer, `--yes` must have said it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "This cannot be undone, and nobody is there to ask",
            code="not-confirmed",
            where=command,
            why=loss,
            fix=f"{command} --yes",
            kept="nothing was changed",
        )
    click.confirm(f"{loss} Go on?", abort=True, err=True)


def _done(name: str, what: str, as_json: bool, then: str) -> None:
    if as_json:
        return show.document({"name": name, "state": what})
    from nb2prod.sdk.card import Card, Code, Row

    rows = (Row("Next", (Code(then),)),) if then else ()
    return show.card(Card(head=f"{name} is {what}", rows=rows))
