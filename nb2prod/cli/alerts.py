"""`nb2prod alerts`: what to be told of, what was told, whom to tell; acknowledge, silence, test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from nb2prod.cli import show
from nb2prod.cli.look import named
from nb2prod.cli.notify import notify_, tested
from nb2prod.cli.verbs import VERBS, as_json, examples, subverb
from nb2prod.errors import UsageError

if TYPE_CHECKING:
    from nb2prod.records.alerts import AlertRecord, Rule
    from nb2prod.sdk.card import Table

SHOWN = 20
_SHAPES = {"page": "▲", "warn": "◑", "unsure": "○", "fine": "●", "waiting": "·"}
_WORDS = {
    "page": "past the limit",
    "warn": "past the limit, not yet for certain",
    "unsure": "inside, not yet for certain",
    "fine": "inside the limit",
    "waiting": "too few yet",
}


alerts_ = click.Group(
    "alerts",
    help=VERBS["alerts"][1],
    epilog=examples(
        """
        nb2prod alerts list delays
        nb2prod alerts add delays 'conversion below 0.03 over 7d'
        nb2prod alerts notify add mailto://user:password@example.org
        nb2prod alerts ack delays 3
        nb2prod alerts silence delays 2h --about dep_delay --reason 'a known sale'
        nb2prod alerts list delays --json
        """
    ),
)
alerts_.add_command(notify_)


# -- limits and alerts


@subverb(
    alerts_,
    "list",
    "Where each metric stands, and what was told.",
    "nb2prod alerts list delays\n nb2prod alerts list --json",
)
@click.argument("name", required=False)
@as_json
def list_(name: str | None, as_json: bool) -> None:
    found = named(name, "alerts list")
    rules, told = found.limits(), found.alerts()
    if as_json:
        return show.document({"name": found.name, "limits": rules, "alerts": told})
    from nb2prod.sdk.card import Card, Code, Row

    standing = [one for one in told if one.ended is None]
    notes = sum(one.severity == "note" for one in standing)
    now = len(standing) - notes
    head = f"{found.name}: {now} alert{'s' * (now != 1)} now"
    head += f" and {notes} note{'s' * (notes != 1)}" if notes else ""
    head += f", {len(told)} in all"
    head += f", the last {SHOWN} below" if len(told) > SHOWN else ""
    tables = tuple(table for table in (_limits(rules), _told(told, found.heard())) if table is not None)
    lines = [f"nb2prod alerts ack {found.name} {standing[0].id}"] if standing else []
    lines += [] if rules else [f"nb2prod alerts add {found.name} 'conversion below 0.03 over 7d'"]
    rows = [Row(f"Alert {one.id}", tuple(one.text().splitlines())) for one in standing]
    rows += [Row("Next", tuple(Code(line) for line in lines))] if lines else []
    return show.card(Card(head=head, tables=tables, rows=tuple(rows), tone="wrong" if standing else "calm"))


@subverb(
    alerts_,
    "add",
    "Be told when it is certain that a metric is past its limit.",
    """
    nb2prod alerts add delays 'conversion below 0.03 over 7d'
    nb2prod alerts add delays 'false_positive_cost above 2 per prediction over 7d min 500'
    nb2prod alerts add delays 'complaints above 2% over 1d where carrier=UA then notify then rollback'
    nb2prod alerts add delays 'late_but_promised above 4% over 1h then notify then stop canary'
    """,
)
@click.argument("name")
@click.argument("words", nargs=-1, required=True)
@as_json
def add_(name: str, words: Sequence[str], as_json: bool) -> None:
    import nb2prod
    from nb2prod.records.alerts import Alert

    try:
        rules = nb2prod.get(name).add_alert(" ".join(words))
    except UsageError as error:
        error.fix = error.fix.replace("--alert ", f"nb2prod alerts add {name} ")
        raise
    alert = Alert.parse(" ".join(words))
    if as_json:
        return show.document({"name": name, "limits": rules})
    told = [f"Feedback to {name} may carry the outcome {alert.outcome} now."] if alert.outcome else []
    return show.done(f"{name} is watched: {alert.condition}", told, f"nb2prod alerts list {name}")


@subverb(
    alerts_,
    "remove",
    "No longer be told of it.",
    "nb2prod alerts remove delays 'conversion below 0.03 over 7d'",
)
@click.argument("name")
@click.argument("words", nargs=-1, required=True)
@as_json
def remove_(name: str, words: Sequence[str], as_json: bool) -> None:
    import nb2prod
    from nb2prod.records.alerts import Alert

    try:
        alert = Alert.parse(" ".join(words))
    except UsageError as error:
        error.fix = f"nb2prod alerts list {name}"
        raise
    nb2prod.get(name).remove_alert(alert)
    if as_json:
        return show.document({"name": name, "removed": alert.condition})
    return show.done(f"{name} is no longer watched: {alert.condition}", (), f"nb2prod alerts list {name}")


@subverb(
    alerts_,
    "ack",
    "Say that somebody has seen an alert: it is not told again. What joins it later is, and what comes back once it was over.",
    "nb2prod alerts ack delays 3",
)
@click.argument("name")
@click.argument("number", type=int)
@as_json
def ack_(name: str, number: int, as_json: bool) -> None:
    import nb2prod

    record = nb2prod.get(name).acknowledge(number)
    if as_json:
        return show.document(record)
    return show.done(f"Alert {number} of {name} is acknowledged by {record.by or 'you'}", (record.title,), "")


@subverb(
    alerts_,
    "silence",
    "For a while tell and do nothing.",
    "nb2prod alerts silence delays 2h\n nb2prod alerts silence delays 3d --about dep_delay --reason 'a known sale'",
)
@click.argument("name")
@click.argument("length", metavar="LENGTH")
@click.option(
    "--about",
    default="*",
    metavar="SUBJECT",
    help="A column, an alert's words, or a kind such as drift. Default: anything.",
)
@click.option("--reason", default="", help="Why; it is kept in the log.")
@as_json
def silence_(name: str, length: str, about: str, reason: str, as_json: bool) -> None:
    import nb2prod

    made = nb2prod.get(name).silence(length, about, reason)
    if as_json:
        return show.document(made)
    what = "anything" if about == "*" else f"`{about}`"
    return show.done(
        f"{name} says nothing about {what} until {_moment(made.until)}", (), f"nb2prod alerts speak {name}"
    )


@subverb(alerts_, "speak", "End all silences of a deployment.", "nb2prod alerts speak delays")
@click.argument("name")
@as_json
def speak_(name: str, as_json: bool) -> None:
    import nb2prod

    ended = nb2prod.get(name).speak()
    if as_json:
        return show.document({"name": name, "ended": ended})
    return show.done(f"{name}: {ended} silence{'s' * (ended != 1)} ended", (), "")


@subverb(
    alerts_,
    "log",
    "Who was told what and when, and what else was done.",
    "nb2prod alerts log delays\n nb2prod alerts log delays -n 20 --json",
)
@click.argument("name", required=False)
@click.option("-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, help="How many lines.")
@as_json
def log_(name: str | None, lines: int, as_json: bool) -> None:
    found = named(name, "alerts log")
    rows = found.alert_log(lines, planning=as_json)  # each address has a line of its own
    if as_json:
        return show.document({"name": found.name, "log": rows})
    from nb2prod.sdk.card import Card, Table

    cells = tuple(
        (
            _moment(row.ended or row.planned),
            row.detail.get("phase", ""),
            row.verb,
            row.target,
            row.state,
            row.said or "waits",
            row.reason,
        )
        for row in rows
    )
    names = ("when", "phase", "verb", "whom or what", "state", "said", "about")
    tables = (Table(names, cells, align="lllllll"),) if cells else ()
    head = f"{found.name}: the last {_actions(len(cells))}" if cells else f"{found.name}: nothing was told or done yet"
    return show.card(Card(head=head, tables=tables))


@subverb(alerts_, "test", "Send a test alert to everybody who hears of a deployment.", "nb2prod alerts test delays")
@click.argument("name", required=False)
@as_json
def test_(name: str | None, as_json: bool) -> int:
    found = named(name, "alerts test")
    return tested(found.name, None, as_json)


def _actions(count: int) -> str:
    return "action" if count == 1 else f"{count} actions"


def _limits(rules: Sequence[Rule]) -> Table | None:
    from nb2prod.monitoring.alerts.words import interval
    from nb2prod.sdk.card import Table

    if not rules:
        return None
    lines = tuple(
        (
            _SHAPES[rule.reading.verdict],
            rule.text,
            _WORDS[rule.reading.verdict],
            interval(rule.reading),
            f"{rule.reading.n:,}",
        )
        for rule in rules
    )
    return Table(("", "alert", "now", "value (certain)", "of"), lines, align="llllr")


def _told(records: Sequence[AlertRecord], heard: Mapping[str, float]) -> Table | None:
    from nb2prod.sdk.card import Table

    if not records:
        return None
    lines = tuple(
        (
            str(one.id),
            _moment(one.raised),
            _moment(heard[one.key]) if one.key in heard else "nobody",
            _stands(one),
            one.title,
        )
        for one in records[:SHOWN]
    )
    return Table(("id", "raised", "told", "state", "alert"), lines, align="rllll")


def _stands(one: AlertRecord) -> str:
    if one.ended is not None:
        return f"over since {_moment(one.ended)}"
    if one.severity == "note":
        return "a note: harmless so far"
    return f"acknowledged by {one.by}" if one.acknowledged is not None else "stands"


def _moment(when: float) -> str:
    from nb2prod.monitoring.alerts.words import moment

    return moment(when)
