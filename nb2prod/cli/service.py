"""`nb2prod service`: services elsewhere that count for themselves, watched from here."""

from __future__ import annotations

import time
from typing import Any

import click

from nb2prod.cli import show
from nb2prod.cli.verbs import VERBS, as_json
from nb2prod.errors import Nb2prodError

_EXAMPLES = """\b
Examples
  nb2prod service add http://10.0.0.5:3000
  nb2prod service add https://models.example.org --token TOKEN
  nb2prod service remove http://10.0.0.5:3000
  nb2prod service list --json"""

service_ = click.Group("service", help=VERBS["service"][1], epilog=_EXAMPLES)


@service_.command("add", help="Pull a service's counts from now on and watch it here.", epilog=_EXAMPLES)
@click.argument("url")
@click.option("--token", help="One of the service's tokens, where it asks for one; kept for you alone.")
@as_json
def add_(url: str, token: str | None, as_json: bool) -> None:
    book = _book()
    one = book.add(url, token)
    try:
        book.watch()
    except Nb2prodError as error:
        error.keeping("the address is kept; `nb2prod doctor --fix` starts the agent that pulls it")
        raise
    if as_json:
        return show.document({"url": one.url, "outbox": one.outbox})
    from nb2prod.sdk.card import Card, Code, Row

    rows = (
        Row("Next", (Code("nb2prod service list"), Code("nb2prod alerts notify add mailto://user:pass@example.org"))),
    )
    return show.card(Card(head=f"{one.url} is pulled by this home's agent", rows=rows))


@service_.command("list", help="What is pulled, how old it is, and what stands.", epilog=_EXAMPLES)
@as_json
def list_(as_json: bool) -> None:
    from nb2prod.home import Home
    from nb2prod.store import Store

    home = Home()
    book = _book().all()
    found = [_stands(one, book, home, Store(home)) for one in book]
    if as_json:
        return show.document({"services": found})
    from nb2prod.sdk.card import Card, Code, Row, Table

    if not found:
        rows = (Row("Next", (Code("nb2prod service add http://10.0.0.5:3000 --token TOKEN"),)),)
        return show.card(Card(head="No service elsewhere is watched from here", rows=rows))
    cells = tuple(
        (
            one["url"],
            one["deployment"] or "–",
            _age(one["pulled"]),
            f"{one['rows']:,}",
            "; ".join(one["alerts"]) or one["unwatched"] or "calm",
        )
        for one in found
    )
    table = Table(("service", "deployment", "pulled", "rows of it", "alerts"), cells, align="lllrl")
    shared = {tuple(sorted([one["url"], *one["shared"]])) for one in found if one["shared"]}
    foot = "; ".join(
        f"{' and '.join(urls)} count into one place: each shows the rows of all" for urls in sorted(shared)
    )
    return show.card(Card(head=f"{len(found)} watched from here", tables=(table,), foot=foot))


@service_.command("remove", help="No longer pull a service; what was pulled stays.", epilog=_EXAMPLES)
@click.argument("url")
@as_json
def remove_(url: str, as_json: bool) -> None:
    book = _book()
    book.remove(url)
    book.watch()
    if as_json:
        return show.document({"removed": url})
    from nb2prod.sdk.card import Card

    return show.card(Card(head=f"{url} is no longer pulled"))


def _book() -> Any:
    from nb2prod.home import Home
    from nb2prod.lifecycle.services import Services

    return Services(Home())


def _stands(one: Any, book: Any, home: Any, store: Any) -> dict[str, Any]:
    from nb2prod.lifecycle.services import unwatched

    told = store.labels.outbox(one.outbox)
    name = told.name if told else None
    alerts = [record.title for record in store.alerts.open(name)] if name else []
    return {
        "url": one.url,
        "deployment": name,
        "pulled": told.collected if told else None,
        "rows": told.rows if told else 0,
        "shared": [other.url for other in book if other.outbox == one.outbox and other.url != one.url],
        "alerts": alerts,
        "unwatched": unwatched(one, home, store) or None,
    }


def _age(when: float | None) -> str:
    return "not yet" if when is None else f"{max(time.time() - when, 0):.0f} s ago"
