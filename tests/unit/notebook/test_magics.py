"""%deploy, %%deploy and %deployments in a real IPython shell, over the twin of the SDK."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from nb2prod.errors import Nb2prodError, Refused, UsageError
from nb2prod.notebook.extension import load
from nb2prod.records.alerts import SLO
from nb2prod.sdk import marking
from tests.unit.sdk.twin import Deployment, Twin, twin

__all__ = ["twin"]

REFUSED = Refused(
    "`model` is not fitted", code="not-fitted", where="%deploy model", why="No fit.", fix="model.fit(X, y)", kept="k"
)


class FrontEnd(InteractiveShell):
    """A shell with a front end that can change an output in place."""

    kernel = None


@pytest.fixture
def shell() -> Iterator[Any]:
    InteractiveShell.clear_instance()
    made = FrontEnd.instance()
    load(made)
    yield made
    made.history_manager.end_session()
    FrontEnd.clear_instance()


def shown(shell: Any, code: str) -> tuple[list[dict[str, Any]], Any]:
    """The outputs of a cell, as they stand at its end, and the result."""
    with capture_output() as caught:
        result = shell.run_cell(code, store_history=True)
    outputs: dict[str, dict[str, Any]] = {}
    for n, output in enumerate(caught.outputs):
        key = (output.transient or {}).get("display_id", str(n)) if hasattr(output, "transient") else str(n)
        outputs[key] = output.data
    return list(outputs.values()), result


def test_deploy_shows_one_output_that_ends_in_the_card(shell: Any, twin: Twin) -> None:
    outputs, result = shown(shell, "%deploy model --name delays --workers 3")
    assert result.success
    assert outputs[-1]["text/plain"].splitlines()[0].startswith("Capture    0.9 s")
    assert "delays 3 is live at" in outputs[-1]["text/plain"]
    assert outputs[-1]["text/html"].startswith('<div class="nb2prod done">')
    assert twin.asked == [("model", {"name": "delays", "workers": 3})]


def test_the_handle_is_left_in_deployment(shell: Any, twin: Twin) -> None:
    shown(shell, "%deploy model")
    assert isinstance(shell.user_ns["deployment"], Deployment)


def test_a_variable_of_the_users_own_is_not_overwritten(shell: Any, twin: Twin) -> None:
    shown(shell, "deployment = 'mine'")
    outputs, _ = shown(shell, "%deploy model")
    assert shell.user_ns["deployment"] == "mine"
    assert isinstance(shell.user_ns["delays_deployment"], Deployment)
    assert "delays_deployment.stop()" in outputs[-1]["text/plain"]


def test_a_known_error_is_one_card_without_traceback_and_fails_the_cell(shell: Any, twin: Twin) -> None:
    twin.raises = REFUSED
    outputs, result = shown(shell, "%deploy model")
    assert not result.success
    text = outputs[-1]["text/plain"]
    assert "Not deployed: `model` is not fitted\n  where    %deploy model\n" in text
    assert text.startswith("Capture")
    assert "Traceback" not in text
    assert sum("Not deployed" in output["text/plain"] for output in outputs) == 1


def test_an_error_of_the_sdk_in_a_cell_is_a_card_too(shell: Any, twin: Twin) -> None:
    twin.raises = REFUSED
    shell.user_ns["go"] = lambda: twin.deploy("model", progress=lambda step: None)
    outputs, result = shown(shell, "go()")
    assert not result.success
    assert outputs[-1]["text/plain"].startswith("`model` is not fitted\n  where")


def test_an_unknown_error_keeps_its_traceback(shell: Any, twin: Twin) -> None:
    twin.raises = ZeroDivisionError("inside")
    with capture_output() as caught:
        result = shell.run_cell("%deploy model")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "ZeroDivisionError" in caught.stdout + caught.stderr


def test_an_interrupt_is_a_card_that_says_what_stays(shell: Any, twin: Twin) -> None:
    twin.raises = KeyboardInterrupt()
    outputs, result = shown(shell, "%deploy model")
    assert not result.success
    assert "Not deployed: interrupted" in outputs[-1]["text/plain"]
    assert "nothing was registered" in outputs[-1]["text/plain"]
    twin.raises.add_note("nothing was registered; version 3 goes on answering")
    outputs, _ = shown(shell, "%deploy model")
    assert "version 3 goes on answering" in outputs[-1]["text/plain"]


def test_a_dry_run_shows_the_plan_and_makes_no_handle(shell: Any, twin: Twin) -> None:
    outputs, _ = shown(shell, "%deploy model --dry-run")
    assert "delays would go like this; nothing was made" in outputs[-1]["text/plain"]
    assert "deployment" not in shell.user_ns


def test_a_cell_that_defines_predict_is_run_and_deployed(shell: Any, twin: Twin) -> None:
    _, result = shown(shell, "%%deploy --name delays\nk = 2\ndef predict(frame):\n    return [k for _ in frame]")
    assert result.success
    assert twin.asked == [("predict", {"name": "delays"})]
    assert shell.user_ns["predict"]([1, 1]) == [2, 2]
    import inspect

    assert "return [k for _ in frame]" in inspect.getsource(shell.user_ns["predict"])


def test_a_cell_without_predict_is_refused(shell: Any, twin: Twin) -> None:
    outputs, result = shown(shell, "%%deploy --name delays\nx = 1")
    assert not result.success
    assert "The cell defines no `predict`" in outputs[-1]["text/plain"]
    assert twin.asked == []


def test_deployments_lists_them_or_says_how_to_make_one(shell: Any, twin: Twin) -> None:
    outputs, _ = shown(shell, "%deployments")
    assert "Nothing is deployed here yet" in outputs[-1]["text/plain"]
    shown(shell, "%deploy model")
    outputs, _ = shown(shell, "%deployments")
    assert "http://127.0.0.1:3080" in outputs[-1]["text/plain"]


def test_a_bare_deploy_lists_what_can_be_deployed(shell: Any, twin: Twin) -> None:
    outputs, _ = shown(shell, "%deploy")
    assert "Nothing in this notebook can be deployed yet" in outputs[-1]["text/plain"]
    code = (
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\nX = np.arange(8.0).reshape(-1, 2)\n"
    )
    shown(shell, code + "y = np.array([0, 0, 1, 1])\nclf = LogisticRegression().fit(X, y)")
    outputs, _ = shown(shell, "%deploy")
    text = outputs[-1]["text/plain"]
    assert "clf        LogisticRegression · data X · labels y" in text
    assert "%deploy clf" in text
    assert "%deploy LogisticRegression" not in text
    shown(shell, "other = LogisticRegression()")
    assert "other" not in shown(shell, "%deploy")[0][-1]["text/plain"]


@pytest.mark.parametrize("cell", ["%deploy model --name x", "%%deploy\ndef predict(frame):\n    return frame"])
def test_where_nb2prod_runs_the_notebook_a_deploy_only_marks(
    cell: str, shell: Any, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NB2PROD_MARKING", "1")
    outputs, result = shown(shell, cell)
    assert result.success
    assert "is marked" in outputs[-1]["text/plain"]
    named = "predict" if cell.startswith("%%") else "model"
    assert marking.read(outputs[0]) == {"kind": "mark", "model": named}
    assert twin.asked == []
    assert ("predict" in shell.user_ns) is cell.startswith("%%")


def test_the_question_mark_explains_every_flag(shell: Any) -> None:
    assert "--holdout ROWS ANSWERS" in shell.inspector.info(shell.find_line_magic("deploy"))["docstring"]


def test_loading_twice_changes_nothing(shell: Any, twin: Twin) -> None:
    load(shell)
    twin.raises = REFUSED
    outputs, _ = shown(shell, "%deploy model")
    assert sum("Not deployed" in output["text/plain"] for output in outputs) == 1


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; import nb2prod; before = set(sys.modules);"
        "nb2prod.load_ipython_extension(S.instance());"
        "print([m for m in ('mlflow', 'bentoml', 'pandas', 'sklearn', 'sqlalchemy', 'numpy', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['numpy']")


@pytest.mark.parametrize(
    ("line", "title", "fix"),
    [
        ("%deploy 1+", "`1+` is not a Python expression", "%deploy model --name delays"),
        ("%deploy 1/0", "`1/0` cannot be evaluated", "%deploy model --data DATA --labels LABELS"),
        ("%deploy clf --nme d --strict", "%deploy has no flag --nme", "%deploy clf --name d --strict"),
        ("%deploy clf --name", "--name needs NAME", "%deploy clf --name delays"),
        ("%deploy clf --name a --name b", "--name stands twice in the line", "%deploy model --name delays"),
        (
            "%deploy clf --data X_trian --name d",
            "There is no variable `X_trian`",
            "%deploy clf --data X_train --name d",
        ),
        ("%deploy (clf", "The line ends inside a quote or a bracket", "%deploy model --name delays"),
        ("%deploy --name d", "The line names no model", "%deploy model --name delays"),
    ],
)
def test_whatever_is_off_in_the_line_is_one_card_with_where_why_fix_and_kept(
    line: str, title: str, fix: str, shell: Any, twin: Twin
) -> None:
    shell.user_ns["X_train"] = 1
    outputs, result = shown(shell, line)
    text = outputs[-1]["text/plain"]
    assert not result.success
    assert f"Not deployed: {title}" in text
    assert f"\n  fix      {fix}\n" in text
    assert [label for label in ("where", "why", "fix", "kept") if f"\n  {label}" in text] == [
        "where",
        "why",
        "fix",
        "kept",
    ]
    assert "Traceback" not in text
    assert twin.asked == []


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (
            UsageError("no", code="no-such-variable", where="%deploy clf", fix="%deploy model"),
            "%deploy model --name d --env A",
        ),
        (
            UsageError("no", code="no-data", where="--data", fix="%deploy model --data X"),
            "%deploy clf --data X --name d --env A",
        ),
        (UsageError("no", code="no-host", where="cell 4", fix="--env B"), "%deploy clf --env B --name d --env A"),
        (
            Refused("no", code="not-fitted", where="%deploy Tree(…)", fix="model = Tree().fit(X, y)\n%deploy model"),
            "model = Tree().fit(X, y)\n           %deploy model --name d --env A",
        ),
        (
            UsageError("no", code="no-such-variable", where="%deploy clf", fix="# run cell 3; then\n%deploy clf"),
            "# run cell 3; then\n           %deploy clf --name d --env A",
        ),
        (Refused("no", code="down", where="here", fix="nb2prod doctor --fix"), "!nb2prod doctor --fix"),
    ],
)
def test_a_fix_is_a_whole_line_for_this_notebook_with_what_was_typed(
    error: Nb2prodError, fix: str, shell: Any, twin: Twin
) -> None:
    twin.raises = error
    outputs, _ = shown(shell, "%deploy clf --name d --env A")
    assert f"\n  fix      {fix}\n" in outputs[-1]["text/plain"]


def test_rows_that_no_variable_holds_are_named_as_they_were_typed(shell: Any, twin: Twin) -> None:
    twin.raises = UsageError("`data` lacks columns", code="wrong-data", where="--data data", why="b", fix="%deploy m")
    shell.user_ns["df"] = pd.DataFrame({"a": [1.0], "b": [2.0]})
    outputs, _ = shown(shell, "%deploy model --data df[['a']]")
    text = outputs[-1]["text/plain"]
    assert "`df[['a']]` lacks columns" in text
    assert "--data df[['a']]" in text
    assert "--data data" not in text


def test_service_levels_are_flags(shell: Any, twin: Twin) -> None:
    shown(shell, "%deploy model --p99-ms 50 --availability 0.999")
    assert twin.asked == [("model", {"slo": SLO(p99_ms=50, availability=0.999)})]
    outputs, _ = shown(shell, "%deploy model --availability 99.9")
    assert "availability is a share between 0 and 1" in outputs[-1]["text/plain"]


def test_a_model_made_in_the_line_is_named_as_it_was_typed(shell: Any, twin: Twin) -> None:
    shown(shell, "first = [1]")
    twin.raises = Refused("`model` holds a lock", code="lock", where="cell 1", why="w", fix="%deploy model --exclude x")
    outputs, _ = shown(shell, "%deploy first[0] --name d")
    text = outputs[-1]["text/plain"]
    assert "Not deployed: `first[0]` holds a lock" in text
    assert "\n  fix      %deploy first[0] --exclude x --name d\n" in text


def test_what_is_to_be_done_first_ends_in_the_cell_magic_that_was_typed(shell: Any, twin: Twin) -> None:
    twin.raises = Refused("no", code="secret", where="cell 1", fix="set it, and %deploy model --env TOKEN where needed")
    outputs, _ = shown(shell, "%%deploy --name bad\ndef predict(frame):\n    return frame")
    assert "set it, and %%deploy --env TOKEN --name bad" in outputs[-1]["text/plain"]
