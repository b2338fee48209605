"""`report`: everything that is known of a deployment, to look at."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nb2prod.cli import show
from nb2prod.cli.look import named
from nb2prod.cli.verbs import as_json, verb

_EXAMPLES = """nb2prod report delays
nb2prod report delays --html report.html
nb2prod report delays --feature dep_delay
nb2prod report delays --version 4
nb2prod report delays --json
nb2prod report --grafana > dashboard.json"""


@verb("report", _EXAMPLES)
@click.argument("name", required=False)
@click.option(
    "--html", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write one HTML file that reads offline."
)
@click.option("--feature", help="One column alone.")
@click.option("--version", type=int, metavar="VERSION", help="Of a canary, or another version than has the traffic.")
@click.option("--grafana", is_flag=True, help="Print a Grafana dashboard over the deployments' /metrics.")
@as_json
def report_(
    name: str | None, file: Path | None, feature: str | None, version: int | None, grafana: bool, as_json: bool
) -> None:
    if grafana:
        from nb2prod.monitoring.report import grafana as dashboard

        return click.echo(json.dumps(dashboard(), indent=2))
    of = {} if version is None else {"version": version}
    page = named(name, "report").report(feature=feature, **of)
    if file is not None:
        page.save(file)
        show.say(f"written to {file}")
    if as_json:
        return show.document(page.as_dict())
    return None if file is not None else click.echo(page.text())
