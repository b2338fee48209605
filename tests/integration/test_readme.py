"""The README's code blocks run as they stand: Python in a real Jupyter kernel, the commands in a shell."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.notebooks_run import cleaned, execute, of_cells, said

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, cleaned(tmp_path_factory.mktemp("home")) as home:
        patch.setenv("NB2PROD_HOME", str(home))
        yield execute(of_cells(blocks("python")), tmp_path_factory.mktemp("folder"))


def test_the_python_blocks_run_in_a_notebook(ran: Any) -> None:
    shown = [said(cell) for cell in ran.cells]
    card = next(text for text in shown if "is live at" in text)
    assert "delays 1 is live at http://127.0.0.1:" in card
    assert "answer as in this kernel" in card
    assert "curl -s" in card
    (sample,) = [block for block in blocks("text") if "is live at" in block]
    for line in (
        "275 rows answer",
        "6 columns",
        "Watching   6 columns, score and confidence against 11,250 training rows. One false alarm in 20 such lives.",
    ):
        assert line in sample  # the card in the README is one of a real run
        assert line in card
    assert len(blocks("python")) >= 7


def test_the_commands_run_in_a_shell_after_them(ran: Any, tmp_path: Path) -> None:
    for line in commands():
        if line.startswith("nb2prod "):
            words = line.split()[1:]
            done = subprocess.run(
                [sys.executable, "-m", "nb2prod", *words], capture_output=True, text=True, check=False, cwd=tmp_path
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_other_commands_are_what_there_is() -> None:
    others = [line for line in commands() if not line.startswith("nb2prod ")]
    for line in others:
        if line.startswith("make "):
            subprocess.run(["make", "-n", *line.split()[1:]], cwd=ROOT, check=True, capture_output=True)
        else:
            name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
            assert line == f"pip install {name}"


def test_what_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (ROOT / target).exists()
