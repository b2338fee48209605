"""`nb2prod deploy` and `nb2prod verify`: from a notebook run in a fresh kernel, or a registered version."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nb2prod.cli import show, spoken
from nb2prod.cli.verbs import as_json, verb
from nb2prod.errors import Refused, Unverified, UsageError
from nb2prod.sdk.flags import FLAGS, Flag, given

Function = TypeVar("Function", bound=Callable[..., Any])
_TYPES = {"number": float, "integer": int}


def flags(*, verifying: bool = False) -> Callable[[Function], Function]:
    """The flags of a deploy as click's options, from the one table."""

    def added(function: Function) -> Function:
        for flag in reversed([flag for flag in FLAGS if flag.for_verify or not verifying]):
            function = _option(flag)(function)
        return function

    return added


def _option(flag: Flag) -> Callable[[Function], Function]:
    if flag.kind == "switch":
        return click.option(flag.name, flag.keyword, is_flag=True, help=flag.help)
    kind: Any = click.Choice(flag.choices) if flag.choices else _TYPES.get(flag.kind, str)
    return click.option(
        flag.name,
        flag.keyword,
        type=kind,
        nargs=len(flag.takes),
        multiple=flag.repeated,
        metavar=" ".join(flag.takes),
        help=flag.help,
        callback=_value,
    )


def _value(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """A flag where a value should stand means that the value was forgotten."""
    words = value if isinstance(value, tuple) else (value,)
    if any(isinstance(word, str) and word.startswith("--") for word in words):
        raise click.BadOptionUsage(option.opts[0], f"{option.opts[0]} has no value", context)
    return value


model = click.option(
    "--model",
    metavar="NAME",
    help="The variable that holds the model. Default: the only one that a %deploy of the notebook names, else model.",
)
timeout = click.option(
    "--cell-timeout", type=int, default=600, show_default=True, help="Seconds that one cell may take."
)


@verb(
    "deploy",
    """
    nb2prod deploy notebook.ipynb --model model
    nb2prod deploy notebook.ipynb --model model --name delays --data X_train --labels y_train --holdout X_test y_test
    nb2prod deploy notebook.ipynb --model model --p99-ms 50 --availability 0.999
    nb2prod deploy notebook.ipynb --dry-run
    nb2prod deploy models:/delays/2
    """,
)
@click.argument("source", metavar="NOTEBOOK|models:/NAME/VERSION")
@model
@flags()
@timeout
@as_json
def deploy_(source: str, model: str | None, cell_timeout: int, as_json: bool, **options: Any) -> None:
    from nb2prod import sdk
    from nb2prod.records.lifecycle import Plan
    from nb2prod.sdk import card, interruption

    with interruption.told(), show.progress(as_json) as (told, _):
        if source.startswith("models:/"):
            made = sdk.deploy(source, **given(options), progress=told)
        else:
            path = _notebook(source)
            model = _named(path, model)
            made = sdk.deploy_notebook(path, model, **given(options), cell_timeout=cell_timeout, progress=told)
    if isinstance(made, Plan):
        return show.document(made) if as_json else show.card(card.plan(made))
    if made.outcome is None:
        return show.document(made.status()) if as_json else show.card(card.deployment(made.status(), voice="terminal"))
    return show.document(made.outcome) if as_json else show.finished(card.outcome(made.outcome, voice="terminal"))


@verb(
    "verify",
    """
    nb2prod verify notebook.ipynb --model model
    nb2prod verify notebook.ipynb --model model --strict --json
    nb2prod verify notebook.ipynb --write-lock
    nb2prod verify --rules
    """,
)
@click.argument("notebook", metavar="NOTEBOOK", required=False)
@model
@flags(verifying=True)
@timeout
@click.option("--rules", is_flag=True, help="List what capture looks for: code, severity, what, fix, how to accept it.")
@as_json
def verify_(
    notebook: str | None, model: str | None, cell_timeout: int, rules: bool, as_json: bool, **options: Any
) -> int:
    from nb2prod import sdk
    from nb2prod.sdk import card, interruption

    if rules:
        if as_json:
            show.document({"rules": sdk.rules()})
        else:
            show.card(card.rules(sdk.rules()))
        return 0
    if notebook is None:
        raise click.UsageError("Missing argument 'NOTEBOOK'.")
    with interruption.told(), show.progress(as_json) as (told, _):
        path = _notebook(notebook)
        model = _named(path, model)
        proof = sdk.verify_notebook(path, model, **given(options), cell_timeout=cell_timeout, progress=told)
    if as_json:
        show.document(proof)
    else:
        show.card(card.verification(proof, options["name"] or model))
    return {"verified": 0, "refused": Refused.exit_code, "unverified": Unverified.exit_code}[proof.status]


def _named(path: Path, model: str | None) -> str:
    """The model that was named, else the one that the notebook's own `%deploy` names."""
    if model is None:
        from nb2prod.sdk.notebooks import marked_model

        model = marked_model(path)
        spoken.about(model)
    return model


def _notebook(source: str) -> Path:
    path = Path(source)
    if path.suffix == ".ipynb" and path.is_file():
        show.say(f"{path.name} is run in a fresh kernel, up to the %deploy that names the model.")
        return path
    raise UsageError(
        f"There is no notebook `{source}`",
        code="no-notebook",
        where=source,
        why="The file is not there."
        if path.suffix == ".ipynb"
        else "It is neither a .ipynb file nor models:/NAME/VERSION.",
        fix="%deploy model" if spoken.near(source) else f"ls {shlex.quote(str(path.parent))}/*.ipynb",
        kept="nothing was made",
    )
