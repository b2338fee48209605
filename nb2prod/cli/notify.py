"""`nb2prod alerts notify`: whom to tell, and whether it reaches them."""

from __future__ import annotations

from typing import Any

import click

from nb2prod.cli import show
from nb2prod.cli.look import named
from nb2prod.cli.verbs import as_json, examples, subverb
from nb2prod.errors import Nb2prodError, UsageError

notify_ = click.Group(
    "notify",
    help="Whom to tell: mail, Slack, webhooks, PagerDuty and all else that apprise knows.",
    epilog=examples(
        """
        nb2prod alerts notify add json://127.0.0.1:8080/alerts
        nb2prod alerts notify add slack://tokenA/tokenB/tokenC --only delays
        nb2prod alerts notify list
        nb2prod alerts notify test
        """
    ),
)


@subverb(
    notify_,
    "add",
    "Tell an address; it is kept in the home, readable by its owner alone.",
    "nb2prod alerts notify add mailto://user:pass@example.org\n nb2prod alerts notify add json://127.0.0.1:8080 --only delays",
)
@click.argument("url")
@click.option("--only", metavar="NAME", help="Of one deployment alone. Default: of all.")
@as_json
def notify_add(url: str, only: str | None, as_json: bool) -> None:
    if only is not None:
        named(only, "alerts notify add")
    one = _book().add(url, only)
    if as_json:
        return show.document(_shown(one))
    heard = f"{only} alone" if only else "every deployment of this home"
    return show.done(f"{one.id} is told of {heard}", (one.shown,), f"nb2prod alerts notify test {one.id}")


@subverb(notify_, "list", "Who is told; secrets are left out.", "nb2prod alerts notify list")
@as_json
def notify_list(as_json: bool) -> None:
    found = _book().all()
    if as_json:
        return show.document({"destinations": [_shown(one) for one in found]})
    from nb2prod.sdk.card import Card, Code, Row, Table

    if not found:
        rows = (Row("Next", (Code("nb2prod alerts notify add mailto://user:password@example.org"),)),)
        return show.card(Card(head="Nobody is told yet", rows=rows))
    cells = tuple((one.id, one.deployment or "all", one.shown) for one in found)
    return show.card(Card(head="Who is told", tables=(Table(("id", "of", "address"), cells, align="lll"),)))


@subverb(notify_, "remove", "No longer tell an address.", "nb2prod alerts notify remove mailto-1f3a5c")
@click.argument("id", metavar="ID")
@as_json
def notify_remove(id: str, as_json: bool) -> None:
    one = _book().remove(id)
    if as_json:
        return show.document({"removed": one.id})
    return show.done(f"{one.id} is no longer told", (one.shown,), "")


@subverb(
    notify_,
    "test",
    "Send a test alert to one address, or to all.",
    "nb2prod alerts notify test\n nb2prod alerts notify test mailto-1f3a5c",
)
@click.argument("id", metavar="ID", required=False)
@as_json
def notify_test(id: str | None, as_json: bool) -> int:
    return tested(None, id, as_json)


def tested(deployment: str | None, id: str | None, as_json: bool) -> int:
    """Send a test alert; 1 where somebody could not be told."""
    from nb2prod.lifecycle.notify import tell, test_message

    found = [one for one in _book().all(deployment) if id in (None, one.id)]
    if not found:
        raise _nobody(id)
    said: list[tuple[str, str, str]] = []
    for one in found:
        try:
            tell(one, test_message(deployment or one.deployment or "nb2prod"))
            said.append((one.id, "told", one.shown))
        except Nb2prodError as error:
            said.append((one.id, "not told", error.why))
    if as_json:
        show.document({"told": [{"id": id, "state": state, "said": words} for id, state, words in said]})
    else:
        from nb2prod.sdk.card import Card, Table

        good = sum(state == "told" for _, state, _ in said)
        table = Table(("id", "state", "said"), tuple(said), align="lll")
        show.card(
            Card(
                head=f"{good} of {len(said)} were told", tables=(table,), tone="done" if good == len(said) else "wrong"
            )
        )
    return int(any(state != "told" for _, state, _ in said))


def _nobody(id: str | None) -> UsageError:
    return UsageError(
        f"There is no address `{id}`" if id else "There is nobody to tell",
        code="no-destination",
        where="nb2prod alerts test",
        why="No address of that name is kept." if id else "No address is kept in this home.",
        fix="nb2prod alerts notify list" if id else "nb2prod alerts notify add mailto://user:password@example.org",
        kept="nothing was sent",
    )


def _book() -> Any:
    from nb2prod.home import Home
    from nb2prod.lifecycle.destinations import Destinations

    return Destinations(Home())


def _shown(one: Any) -> dict[str, Any]:
    return {"id": one.id, "of": one.deployment, "address": one.shown}
