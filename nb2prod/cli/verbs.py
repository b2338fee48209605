"""The verbs, each loaded when it is called: `nb2prod --help` imports none of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import click

import nb2prod

VERBS = {
    "demo": ("nb2prod.cli.demo", "The main job on real flights, from a model to drift found, in two minutes."),
    "deploy": ("nb2prod.cli.deploy", "Run a notebook and deploy a model from it; or a registered version."),
    "verify": ("nb2prod.cli.deploy", "Run a notebook and prove that a model of it answers the same elsewhere."),
    "list": ("nb2prod.cli.look", "What is deployed: state, version, address, requests, latency."),
    "status": ("nb2prod.cli.look", "One deployment: is it up, is it right."),
    "logs": ("nb2prod.cli.look", "What the workers said last."),
    "drift": ("nb2prod.cli.look", "Which columns have moved away from training, since when, how far."),
    "report": ("nb2prod.cli.report", "Is it up, is it right, does it pay: as text, JSON, or one HTML file."),
    "diff": ("nb2prod.cli.diff", "What changed between two versions: code, environment, data, signature, answers."),
    "feedback": ("nb2prod.cli.feedback", "Tell what became of predictions: labels and outcomes from a file."),
    "alerts": ("nb2prod.cli.alerts", "What to be told of, what was told, and whom: limits, acknowledgement, silence."),
    "service": ("nb2prod.cli.service", "Services elsewhere (bentoml serve, containers), pulled and watched from here."),
    "canary": ("nb2prod.cli.canary", "Let a registered version answer a share of the requests; change or end that."),
    "promote": ("nb2prod.cli.canary", "Give the canary all of the traffic, without a gap."),
    "rollback": ("nb2prod.cli.life", "Send the traffic back to the version before; while there is a canary, end it."),
    "stop": ("nb2prod.cli.life", "Stop a service; everything is kept."),
    "start": ("nb2prod.cli.life", "Start a stopped service again."),
    "remove": ("nb2prod.cli.life", "Take a deployment away."),
    "prune": ("nb2prod.cli.upkeep", "Free what nothing uses: old versions, captures, Bentos, caches."),
    "doctor": (
        "nb2prod.cli.upkeep",
        "Is all well here: Python, disk, ports, index, registry, leftovers; each with its fix.",
    ),
    "ui": ("nb2prod.cli.upkeep", "Open MLflow's own UI on this home."),
    "uninstall": ("nb2prod.cli.upkeep", "Stop everything and leave nothing behind."),
}
EPILOG = """\b
Examples
  nb2prod demo
  nb2prod deploy notebook.ipynb --model model --name delays
  nb2prod status delays
  nb2prod drift delays --by month

Every verb has --help with examples, and --json for one JSON document.

\b
Exit codes
  0    done
  1    refused or failed: the model, its code or its answers, or something outside
  2    wrong usage: what was typed names no such verb, flag, variable or file, or leaves a choice open
  3    not verified: the proof could not be run here
  130  interrupted"""


class Verbs(click.Group):
    """A group that knows its verbs' names and one line of help each, and imports a verb only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(VERBS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"There is no verb `{args[0]}`", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs, epilog=EPILOG, context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]}
)
@click.version_option(nb2prod.__version__, prog_name="nb2prod")
def app() -> None:
    """Take a notebook model to a verified, monitored service."""


def examples(lines: str) -> str:
    """The end of a help text."""
    return "\b\nExamples\n" + "\n".join(f"  {line.strip()}" for line in lines.strip().splitlines())


def verb(name: str, lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A verb of that name; its help ends in examples, one a line."""
    return click.command(name, help=VERBS[name][1], epilog=examples(lines))


def subverb(group: click.Group, name: str, help: str, lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A verb within a verb, with its examples."""
    return group.command(name, help=help, epilog=examples(lines))


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
