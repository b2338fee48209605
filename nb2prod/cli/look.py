"""Looking: `list`, `status`, `logs`, `drift`."""

from __future__ import annotations

from typing import Any

import click

import nb2prod
from nb2prod.cli import show
from nb2prod.cli.verbs import as_json, verb
from nb2prod.errors import Nb2prodError, UsageError


@verb("list", "nb2prod list\n nb2prod list --json")
@as_json
def list_(as_json: bool) -> None:
    found = [one.status() for one in nb2prod.deployments()]
    if as_json:
        return show.document({"deployments": found})
    from nb2prod.sdk import card

    return show.card(card.deployments(found, voice="terminal"))


@verb("status", "nb2prod status delays\n nb2prod status delays --json")
@click.argument("name", required=False)
@as_json
def status_(name: str | None, as_json: bool) -> None:
    found = named(name, "status")
    status = found.status()
    if as_json:
        return show.document(status)
    from nb2prod.sdk import card

    try:
        seen = {"drift": found.drift(), "performance": found.performance(), "limits": found.limits()}
        status = found.with_labels(status)  # some may have joined while rows were counted
    except Nb2prodError as error:  # whether it is up can be said all the same
        show.error(error, as_json=False)
        seen = {}
    return show.card(card.deployment(status, **seen, voice="terminal"))


@verb(
    "logs",
    """
    nb2prod logs delays
    nb2prod logs delays -n 200
    nb2prod logs delays --version 4
    nb2prod logs delays --follow
    """,
)
@click.argument("name", required=False)
@click.option("-n", "--lines", type=int, default=50, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--version", type=int, metavar="VERSION", help="Of a canary, or another version than has the traffic.")
@as_json
def logs_(name: str | None, lines: int, follow: bool, version: int | None, as_json: bool) -> None:
    if follow and as_json:
        raise click.UsageError("--follow never ends, and --json is one document: take one of them")
    found = named(name, "logs")
    of = {} if version is None else {"version": version}
    said = found.logs(lines, follow=follow, **of)
    if as_json:
        return show.document({"name": found.name, "lines": list(said)})
    for line in said:
        click.echo(line)
    return None


@verb(
    "drift",
    """
    nb2prod drift delays
    nb2prod drift delays --by month
    nb2prod drift delays --version 4
    nb2prod drift delays --json
    """,
)
@click.argument("name", required=False)
@click.option("--by", type=click.Choice(("month", "week", "day")), help="One line for each period of event time.")
@click.option("--version", type=int, metavar="VERSION", help="Of a canary, or another version than has the traffic.")
@as_json
def drift_(name: str | None, by: str | None, version: int | None, as_json: bool) -> None:
    found = named(name, "drift")
    seen = found.drift(by=by) if version is None else found.drift(by=by, version=version)
    if as_json:
        return show.document({"name": found.name, "drift": seen})
    from nb2prod.sdk import card

    of = None if seen else version or found.version
    return show.card(card.drift(seen, found.name, of))


def named(name: str | None, verb: str) -> Any:
    """The deployment of that name; without a name the only one there is."""
    if name is not None:
        return nb2prod.get(name)
    found = nb2prod.deployments()
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in found)
    raise UsageError(
        f"Which deployment? There are {len(found)}" if found else "Nothing is deployed here yet",
        code="no-name",
        where=f"nb2prod {verb}",
        why=f"They are {names}." if found else "This home has no deployments.",
        fix=f"nb2prod {verb} {found[0].name}" if found else "nb2prod deploy notebook.ipynb --model model",
        kept="nothing was changed",
    )
