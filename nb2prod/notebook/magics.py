"""`%deploy`, `%%deploy` and `%deployments`: parse the line, call the SDK, show what it says."""

from __future__ import annotations

import ast
import dataclasses
import re
from typing import Any

import nb2prod
from nb2prod.errors import OURS, REPORT, Failed, Nb2prodError, UsageError
from nb2prod.notebook import arguments, line
from nb2prod.notebook.live import Live
from nb2prod.sdk import card, marking
from nb2prod.sdk.card import Card, Row
from nb2prod.sdk.flags import mended

SHOWN = "_nb2prod_shown"


def deploy(shell: Any, text: str, cell: str | None = None) -> None:
    """Deploy what the line names, or the `predict` that the cell defines, and leave the handle in a variable."""
    live = Live(shell)
    with _Cards(live, verb="deploy", typed=f"{'%' if cell is None else '%%'}deploy {text}".strip()) as cards:
        parsed = line.parse(text)
        if not parsed.model and cell is None and not parsed.words:
            from nb2prod.notebook.offers import offers

            live.show(offers(shell))
            return
        model = _cell_model(shell, cell, parsed.model) if cell is not None else _line_model(shell, parsed)
        cards.line = parsed if cell is None else dataclasses.replace(parsed, model=model)
        if marking.marking():
            _mark(shell, parsed, live)
            return
        made = _deployed(model, arguments.arguments(parsed, shell.user_ns), live)
        live.show(_said_of(_result(shell, made), parsed.model))


def deployments(shell: Any) -> None:
    """Show every deployment of this home."""
    live = Live(shell)
    with _Cards(live):
        live.show(card.deployments([found.status() for found in nb2prod.deployments()]))


class _Cards:
    """A known error becomes a card in the same output, and still ends the cell (Run All stops there)."""

    def __init__(self, live: Live, verb: str = "", typed: str = "%deployments") -> None:
        self._live = live
        self._verb = verb
        self._typed = typed
        self.line = line.Line()

    def __enter__(self) -> _Cards:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, KeyboardInterrupt):
            stopped = _interrupted(error)
            self._show(stopped)
            raise stopped from None
        if isinstance(error, Nb2prodError):
            self._show(error)
        elif error is not None:
            self._unknown(error)

    def _unknown(self, error: BaseException) -> None:
        """Its traceback follows, as for any error that is unknown."""
        error.add_note(f"{OURS}\n!{REPORT}")
        if self._live.steps:
            self._live.show(card.progress(self._live.broken()))

    def _show(self, error: Nb2prodError) -> None:
        known = _with_data(error.whole(self._typed), self.line)
        known.fix = self._fix(known)
        known.title, known.why = (_as_typed(text, self.line.model) for text in (known.title, known.why))
        self._live.show(card.error(known, verb=self._verb, steps=self._live.broken()))
        setattr(error, SHOWN, True)

    def _fix(self, known: Nb2prodError) -> str:
        """The fix for the line that was typed: its model, which the rooms below call `model`, and its other flags."""
        model, fix = self.line.model, known.fix
        missing = known.code == "no-such-variable" and known.where == f"%deploy {model}"
        of_the_model = missing or known.code in ("not-a-model", "not-fitted")
        if model and not of_the_model:
            fix = _as_typed(fix, model)
        command = re.match(r"%deploy (\S+)(?= --| {3,}#|$)", fix) if of_the_model else None
        whole = mended(fix, command[0] if command else f"%deploy {model or 'model'}", self.line.words, known.where)
        cell = self._typed.startswith("%%")
        return re.sub(r"(?<=, and )%deploy \w+(?= --env)", "%%deploy", whole) if cell else whole


def _with_data(known: Nb2prodError, parsed: line.Line) -> Nb2prodError:
    """Rooms below know data that no variable holds by its flag: what was typed for it says more."""
    for flag, found in parsed.words.items():
        name = flag.removeprefix("--")
        if known.where == f"{flag} {name}" and found[0]:
            known.title = known.title.replace(f"`{name}`", f"`{found[0][0]}`")
            known.where = f"{flag} {' '.join(found[0])}"
    return known


_MODEL = re.compile(r"(?<=%deploy )model\b|(?<=, )model(?=\) --)|(?<=return )model(?=\.predict\()")


def _as_typed(text: str, model: str) -> str:
    """Rooms below know a model by its variable, and call one that has none `model`."""
    if not model or model == "model":
        return text
    text = _MODEL.sub(lambda _: model, text)
    return text if line.is_name(model) else text.replace("`model`", f"`{model}`")


def _said_of(shown: Card, model: str) -> Card:
    """The card with the model as it was typed."""
    rows = []
    for row in shown.rows:
        items = [
            _as_typed(one, model) if isinstance(one, str) else dataclasses.replace(one, text=_as_typed(one.text, model))
            for one in row.items
        ]
        rows.append(dataclasses.replace(row, items=tuple(items)))
    return dataclasses.replace(shown, rows=tuple(rows))


def _deployed(model: Any, options: dict[str, Any], live: Live) -> Any:
    return nb2prod.deploy(model, **options, progress=live.step)


def _line_model(shell: Any, parsed: line.Line) -> Any:
    if not parsed.model:
        raise UsageError(
            "The line names no model",
            code="no-model",
            where="%deploy",
            why="The model comes first, then the flags.",
            fix="%deploy model --name delays",
            kept="nothing was made",
        )
    return arguments.model(parsed.model, shell.user_ns, parsed.text)


def _cell_model(shell: Any, cell: str, expression: str) -> str:
    """Run the cell and return the name of the function that it defines."""
    if expression:
        raise UsageError(
            f"%%deploy takes its model from the cell, and the line names `{expression}`",
            code="left-over",
            where=f"%%deploy {expression}",
            why="The cell defines predict(frame); only flags stand in the line.",
            fix=f"%deploy {expression}",
            kept="nothing was made",
        )
    source = shell.transform_cell(cell)
    name = _defined(ast.parse(source))
    # under the cell's own name, so that tracebacks and the function's source show what was typed
    exec(compile(source, shell.compile.cache(source, shell.execution_count), "exec"), shell.user_ns)
    return name


def _defined(tree: ast.Module) -> str:
    if any(isinstance(node, ast.FunctionDef) and node.name == "predict" for node in tree.body):
        return "predict"
    raise UsageError(
        "The cell defines no `predict`",
        code="no-predict",
        where="%%deploy",
        why="The service calls predict(frame) with a pandas frame of the columns in --data, and answers what it returns.",
        fix="def predict(frame):\n    return model.predict(frame)",
        kept="nothing was made",
    )


def _result(shell: Any, made: Any) -> Card:
    from nb2prod.records.lifecycle import Plan

    if isinstance(made, Plan):
        return card.plan(made)
    variable = _variable(shell, made)
    shell.user_ns[variable] = made
    if made.outcome is not None:
        return card.outcome(made.outcome, variable=variable)
    return card.deployment(made.status(), variable=variable)


def _mark(shell: Any, parsed: line.Line, live: Live) -> None:
    """Where `nb2prod deploy notebook.ipynb` runs the cells it deploys once, by itself; a dry run would deploy nothing."""
    model = parsed.model or "predict"
    if "--dry-run" not in parsed.words:
        marking.mark(model, lambda: arguments.arguments(parsed, shell.user_ns))
    live.show(_marked(model))


def _marked(model: str) -> Card:
    said = "This notebook is run by nb2prod, which deploys by itself what the command names; here nothing is deployed."
    return Card(head=f"`{model}` is marked", rows=(Row("why", (said,)),), indent=2)


def _variable(shell: Any, made: Any) -> str:
    """`deployment`, unless the notebook has something of its own under that name."""
    mine = shell.user_ns.get("deployment")
    if mine is None or type(mine) is type(made):
        return "deployment"
    name = str(made.name).replace("-", "_").replace(".", "_")
    return f"{name}_deployment" if name.isidentifier() else "nb2prod_deployment"


def _interrupted(error: KeyboardInterrupt) -> Failed:
    return Failed(
        "interrupted",
        code="interrupted",
        where="%deploy",
        why="The kernel was interrupted.",
        fix="%deploy model",
        kept=next(iter(getattr(error, "__notes__", ())), "nothing was registered"),
    )
