"""Realistic notebooks, half of them awkward on purpose, each with the outcome that is expected of it.

Beside each notebook of tests/corpus lies a JSON document: the model's variable, flags, files that lie beside the notebook, the
order in which the cells were run where it is not theirs (a number is a cell, a text is what stood there then), and what must come
out: captured (and a clean environment answers alike), warned or refused, with code, place and the beginning of the fix.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nb2prod import environments
from nb2prod.capturing import replay, signing
from nb2prod.capturing.capture import capture
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.sdk.proof import prove

CORPUS = Path(__file__).parents[1] / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.ipynb"))
# one of each kind of rows and of code; `make proof` replays all of them, and the tutorial deploys a pipeline of a frame
FAST = {"iris_arrays", "reviews_text", "function_with_helpers", "own_transformer", "local_package"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(root=tmp_path_factory.mktemp("home"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is first on sys.path, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("shop", "shop.features", "shop.factors", "rates"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delenv("RATE_OF_CORPUS", raising=False)
    return tmp_path


def run(name: str, folder: Path) -> tuple[dict[str, Any], Notebook]:
    from IPython.core.interactiveshell import InteractiveShell

    wanted = json.loads((CORPUS / f"{name}.json").read_bytes())
    for path, text in wanted.get("files", {}).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    document = nbformat.read(CORPUS / f"{name}.ipynb", as_version=4)
    sources = [cell.source for cell in document.cells if cell.cell_type == "code"]
    order = wanted.get("run", range(1, len(sources) + 1))
    shell = InteractiveShell()
    for number, cell in enumerate(order, start=1):
        shell.run_cell(sources[cell - 1] if isinstance(cell, int) else cell, store_history=True).raise_error()
        if isinstance(cell, int):
            [c for c in document.cells if c.cell_type == "code"][cell - 1].execution_count = number
    nbformat.write(document, folder / f"{name}.ipynb")
    shell.user_ns["__vsc_ipynb_file__"] = str(folder / f"{name}.ipynb")
    return wanted, Notebook.from_ipython(shell)


def chosen(*statuses: str) -> list[Any]:
    """Notebooks of a status; `make proof` runs all, each change those that are refused, one of each warning, one of each kind."""
    found, seen = [], set()
    for name in NAMES:
        wanted = json.loads((CORPUS / f"{name}.json").read_bytes())
        if wanted["status"] not in statuses:
            continue
        fast = {"refused": True, "captured": name in FAST}.get(wanted["status"], wanted.get("code") not in seen)
        seen.add(wanted.get("code"))
        found.append(pytest.param(name, marks=() if fast else pytest.mark.proof))
    return found


@pytest.mark.parametrize("name", chosen("captured", "warned", "refused"))
def test_a_notebook_of_the_corpus_comes_out_as_expected(name: str, home: Home, folder: Path) -> None:
    wanted, notebook = run(name, folder)
    if wanted["status"] == "refused":
        with pytest.raises(Nb2prodError) as caught:
            capture(wanted["model"], home=home, notebook=notebook, **wanted.get("flags", {}))
        error = caught.value
        assert error.code == wanted["code"], error
        told = (error.where, error.fix, error.kept)
    else:
        made = capture(wanted["model"], home=home, notebook=notebook, **wanted.get("flags", {}))
        warned = [finding for finding in made.record.findings if finding.severity == "warn"]
        assert [finding.code for finding in warned] == ([wanted["code"]] if "code" in wanted else [])
        assert made.record.signature.rows == wanted.get("rows", "frame")
        assert made.record.golden == wanted.get("golden", "synthetic")
        assert [module.name for module in made.record.environment.local] == wanted.get("local", [])
        told = (warned[0].where, warned[0].fix, "") if warned else ("", "", "")
    assert wanted.get("where", "") in told[0]
    assert wanted.get("fix", "") in told[1]


@pytest.mark.parametrize("name", chosen("captured"))
def test_a_clean_environment_answers_as_the_notebook_did(name: str, home: Home, folder: Path) -> None:
    wanted, notebook = run(name, folder)
    made = capture(wanted["model"], home=home, notebook=notebook, **wanted.get("flags", {}))
    built = environments.build_for(made, home=home)
    for golden in (made.live, made.golden):
        if golden is not None:
            outcome = replay.replay(made, built.python, golden, home=home).replay
            assert outcome.held == "bit-for-bit", outcome


def every(*statuses: str) -> list[str]:
    return [name for name in NAMES if json.loads((CORPUS / f"{name}.json").read_bytes())["status"] in statuses]


@pytest.mark.proof
@pytest.mark.parametrize("name", every("captured", "warned"))
def test_what_is_verified_answers_alike_in_a_second_clean_environment(
    name: str, home: Home, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wanted, notebook = run(name, folder)
    made = capture(wanted["model"], home=home, notebook=notebook, **wanted.get("flags", {}))
    verification = prove(made, home=home)
    assert verification.status == "verified", verification.reason
    place = tmp_path_factory.mktemp("second")
    second = Home(root=place / "home", cache=place / "cache")
    signing.public_key(second)
    (second.trusted / "first.pub").write_bytes((home.trusted / signing.PUBLIC).read_bytes())
    again = environments.build_for(made, home=second)
    rows = made.golden or made.live
    assert rows is not None
    assert replay.replay(made, again.python, rows, home=second).replay.equal
    shutil.rmtree(place)
