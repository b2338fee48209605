"""`nb2prod diff`: two versions of a model side by side."""

from __future__ import annotations

import click

from nb2prod.cli import show
from nb2prod.cli.verbs import as_json, verb


@verb("diff", "nb2prod diff delays 3 4\n nb2prod diff delays 3 4 --json")
@click.argument("name")
@click.argument("before", type=int)
@click.argument("after", type=int)
@as_json
def diff_(name: str, before: int, after: int, as_json: bool) -> None:
    from nb2prod import sdk

    found = sdk.diff(name, before, after)
    if as_json:
        return show.document(found)
    from nb2prod.sdk import card

    return show.card(card.difference(found))
