"""In a terminal a fix is a line of the terminal, with the notebook and the model that were named."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from nb2prod.cli import spoken
from nb2prod.errors import Refused
from nb2prod.sdk.card import Card, Code, Row

DOOR = spoken.Door(notebook="a.ipynb", model="clf")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("clf.fit(X, y)", "clf.fit(X, y)"),
        ("%deploy model --env KEY", "nb2prod deploy a.ipynb --model clf --env KEY"),
        ("%deploy other --env KEY", "nb2prod deploy a.ipynb --model other --env KEY"),
        ("%deploy … --relock", "nb2prod deploy a.ipynb --model clf --relock"),
        ("run cells 3 to 4 and %deploy again", "run cells 3 to 4 and nb2prod deploy a.ipynb --model clf"),
        ("%deploy models:/delays/2", "nb2prod deploy models:/delays/2"),
        ("%deploy?", "nb2prod deploy --help"),
        ("%deployments", "nb2prod list"),
        ("%deploy model      (captures it again)", "nb2prod deploy a.ipynb --model clf      (captures it again)"),
        (
            "%deploy make_pipeline(scaler, model) --name d --data raw",
            (
                "deployed = make_pipeline(scaler, model)      # a last cell of a.ipynb, then\n"
                "nb2prod deploy a.ipynb --model deployed --name d --data raw"
            ),
        ),
        (
            "%%deploy --name d --data raw\ndef predict(frame):\n    return model.predict(frame)",
            (
                "def predict(frame):\n    return model.predict(frame)\n# in a cell of a.ipynb, then\n"
                "nb2prod deploy a.ipynb --model predict --name d --data raw"
            ),
        ),
    ],
)
def test_a_magic_becomes_the_command_that_does_the_same(said: str, heard: str) -> None:
    assert DOOR.line(said) == heard


def test_the_command_that_asks_gives_its_verb_notebook_and_model(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    with spoken.asking(["verify", str(notebook), "--model=clf"]):
        assert spoken.line("%deploy model") == f"nb2prod verify {notebook} --model clf"
    assert spoken.line("%deploy model") == "nb2prod deploy notebook.ipynb --model model"


def test_cards_and_documents_pass_through_it() -> None:
    shown = spoken.card(Card(rows=(Row("fix", (Code("%deploy model"), "or %deploy?")),)))
    assert shown.rows[0].items == (Code("nb2prod deploy notebook.ipynb --model model"), "or nb2prod deploy --help")
    found = spoken.document({"findings": [{"fix": "%deploy model", "name": "%deploy model"}]})
    assert found == {"findings": [{"fix": "nb2prod deploy notebook.ipynb --model model", "name": "%deploy model"}]}


def test_a_notebook_that_is_not_there_is_the_one_beside_it_whose_name_is_nearest(tmp_path: Path) -> None:
    for name in ("delays.ipynb", "churn.ipynb"):
        (tmp_path / name).write_text("{}")
    with spoken.asking(["deploy", str(tmp_path / "delay.ipynb")]):
        assert spoken.line("%deploy model") == f"nb2prod deploy {tmp_path / 'delays.ipynb'} --model model"
    with spoken.asking(["deploy", str(tmp_path / "elsewhere" / "delay.ipynb")]):
        assert spoken.line("%deploy model") == "nb2prod deploy notebook.ipynb --model model"


def test_the_fix_of_a_finding_is_a_line_of_the_terminal_with_the_flags_that_were_typed(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    found = {
        "notes": ({"fix": "--golden sample      (real rows stay)"},),
        "warnings": [{"fix": "%deploy model --env KEY"}],
    }
    with spoken.asking(["verify", str(notebook), "--data", "raw", "--json"]):
        spoken.about("predict")
        said = spoken.document(found)
    command = f"nb2prod verify {notebook} --model predict"
    assert said["notes"][0]["fix"] == f"{command} --golden sample --data raw      (real rows stay)"
    assert said["warnings"][0]["fix"] == f"{command} --env KEY --data raw"


def test_a_cell_that_takes_too_long_is_mended_by_the_line_that_was_typed(tmp_path: Path) -> None:
    notebook = tmp_path / "a b" / "m12.ipynb"
    notebook.parent.mkdir()
    notebook.touch()
    typed = ["verify", str(notebook), "--model", "m", "--cell-timeout", "5", "--strict", "--data", "raw"]
    slow = Refused("slow", code="cell-timeout", where="cell 3", why="w", fix="--cell-timeout 20")
    with spoken.asking(typed):
        fix = spoken.problem(slow).fix
        assert spoken.document({"fix": "--cell-timeout 20"}) == {"fix": fix}
    words = shlex.split(fix)
    assert words[:3] == ["nb2prod", "verify", str(notebook)]
    assert set(words[3:]) == {"--model", "m", "--cell-timeout", "20", "--strict", "--data", "raw"}


def test_another_model_of_the_notebook_keeps_the_flags_that_were_typed(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    fails = Refused(
        "cell 3 fails", code="cell-failed", where="cell 3", why="w", fix="%deploy other      # the one marked"
    )
    with spoken.asking(["verify", str(notebook), "--model", "m", "--cell-timeout", "5"]):
        assert spoken.problem(fails).fix == (
            f"nb2prod verify {notebook} --model other --cell-timeout 5      # the one marked"
        )


def test_a_command_with_a_notebook_in_general_is_the_one_that_was_typed(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    with spoken.asking(["verify", str(notebook), "--model", "m", "--env", "KEY"]):
        said = spoken.document({"fix": "nb2prod verify NOTEBOOK.ipynb --model NAME --json      (shows the whole log)"})
    assert said["fix"] == f"nb2prod verify {notebook} --model m --json --env KEY      (shows the whole log)"
