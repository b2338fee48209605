"""The tutorials run from their first cell to their last in a real Jupyter kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from tests.integration.notebooks_run import cleaned, execute, said

FOLDER = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch, cleaned(tmp_path_factory.mktemp("home")) as root:
        patch.setenv("NB2PROD_HOME", str(root))
        yield root


@pytest.fixture(scope="module")
def first(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    notebook = nbformat.read(FOLDER / "01-first-deploy.ipynb", as_version=4)
    return execute(notebook, tmp_path_factory.mktemp("folder"))


def test_the_first_deploy_tells_its_story(first: Any) -> None:
    told = [said(cell) for cell in first.cells]
    story = [
        "What can be deployed here",
        "nothing was made",
        "delays 1 is live at",
        "delays 1 is already live: same model, same environment, same data",
        "delays 2 is live at",
        "flagged 1 is live at",
    ]
    places = [next((n for n, text in enumerate(told) if words in text), None) for words in story]
    assert None not in places, dict(zip(story, places, strict=True))
    assert places == sorted(places)  # type: ignore[type-var]
    assert told[-1] == "[]"


def test_its_cards_are_html_with_a_text_twin(first: Any) -> None:
    cards = [output["data"] for cell in first.cells for output in cell.get("outputs", ()) if "data" in output]
    cards = [data for data in cards if "nb2prod" in data.get("text/html", "") and "class=" in data["text/html"]]
    assert len(cards) >= 6
    assert all(data["text/plain"].strip() for data in cards)


def test_a_deploy_leaves_one_output(first: Any) -> None:
    deploying = [cell for cell in first.cells if cell.cell_type == "code" and cell.source.startswith("%deploy model")]
    assert [len(cell.outputs) for cell in deploying] == [1] * len(deploying)


def test_nothing_is_left_running(first: Any, home: Path) -> None:
    mine = [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or ())
    ]
    workers = [process for process in mine if "nb2prod.runtime.worker" in " ".join(process.info["cmdline"])]
    assert workers == []


def test_notebooks_are_committed_without_outputs() -> None:
    for path in FOLDER.glob("*.ipynb"):
        assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
