"""A version beside the one that takes the traffic: `canary`, `promote`."""

from __future__ import annotations

from typing import Any

import click

from nb2prod.cli import show
from nb2prod.cli.look import named
from nb2prod.cli.verbs import as_json, verb


@verb(
    "canary",
    """
    nb2prod canary delays 4
    nb2prod canary delays 4 --percent 10
    nb2prod canary delays --percent 50
    nb2prod canary delays
    nb2prod canary delays --stop
    """,
)
@click.argument("name")
@click.argument("version", type=int, required=False)
@click.option(
    "--percent", type=float, metavar="PERCENT", help="Its share of the requests; of one that runs at once. Default: 10."
)
@click.option("--stop", is_flag=True, help="End the canary; the other version answers everything again.")
@click.option("--allow-unverified", is_flag=True, help="Begin though the proof could not be run here.")
@as_json
def canary_(
    name: str, version: int | None, percent: float | None, stop: bool, allow_unverified: bool, as_json: bool
) -> None:
    if stop and (version is not None or percent is not None):
        raise click.UsageError("--stop ends the canary, whatever its version and share: give the name alone")
    found = named(name, "canary")
    if version is None and percent is None and not stop and not allow_unverified:
        return _shown(found, as_json)
    if stop or percent == 0:
        before = found.status().canary
        found.canary(percent=0)
        return _ended(found, before, as_json)
    with show.progress(as_json) as (told, _), show.warned():
        found.canary(version, percent, allow_unverified=allow_unverified, progress=told)
    return _shown(found, as_json)


@verb("promote", "nb2prod promote delays\n nb2prod promote delays --json")
@click.argument("name", required=False)
@as_json
def promote_(name: str | None, as_json: bool) -> None:
    found = named(name, "promote")
    was = found.version
    with show.warned():
        version = found.promote()
    if as_json:
        return show.document({"name": found.name, "version": version, "replaced": was})
    from nb2prod.sdk.card import Card, Code, Row

    undo = Code(f"nb2prod rollback {found.name}", note="undo")
    rows = (Row("Next", (Code(f"nb2prod status {found.name}"), undo)),)
    return show.card(Card(head=f"{found.name} {version} takes all of the traffic, in place of {was}", rows=rows))


def _shown(found: Any, as_json: bool) -> None:
    status = found.status()
    last = found.last_canary if status.canary is None else None
    if as_json:
        more = {"last": last} if status.canary is None else {}
        return show.document({"name": found.name, "version": status.version, "canary": status.canary, **more})
    from nb2prod.sdk import card

    if status.canary is None:
        return show.card(card.no_canary(status, str(last or ""), voice="terminal"))
    if found.outcome is not None:  # it has just begun
        return show.finished(card.outcome(found.outcome, voice="terminal"))
    return show.card(card.canary(status, voice="terminal"))


def _ended(found: Any, before: Any, as_json: bool) -> None:
    version, ended = found.version, before.version if before is not None else None
    if as_json:
        return show.document({"name": found.name, "version": version, "canary": None, "ended": ended})
    from nb2prod.sdk.card import Card, Code, Row

    again = f"nb2prod canary {found.name} {ended} --percent {before.percent:g}" if before is not None else ""
    rows = (Row("Next", (Code(f"nb2prod status {found.name}"), *([Code(again, note="again")] if again else []))),)
    head = f"{found.name}: the canary of version {ended} ended; version {version} answers everything"
    return show.card(Card(head=head, rows=rows))
