"""Code of the user's own goes along whole, and nothing else does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nb2prod.capturing import dependencies
from nb2prod.capturing.dependencies import Needed
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.runtime import flavors


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A notebook's folder on the path, whose modules are forgotten afterwards."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def needed(model: object, notebook: Path, **more: object) -> Needed:
    saved = notebook.parent / "model"
    flavors.save(model, saved)
    home = Home(notebook.parent / "home", notebook.parent / "cache")
    return dependencies.prepare(model, saved, notebook_folder=notebook, home=home, **more)  # type: ignore[arg-type]


def write(folder: Path, path: str, text: str) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def model_of(module: str) -> object:
    __import__(module)
    return sys.modules[module].predict  # type: ignore[attr-defined]


def test_a_module_beside_the_notebook_goes_with_what_it_imports_inside_functions(notebook: Path) -> None:
    write(
        notebook,
        "first_own.py",
        "def predict(frame):\n    from second_own import double\n    import yaml\n    return double(frame)\n",
    )
    write(notebook, "second_own.py", "def double(x):\n    return x\n")
    write(notebook, "unrelated_own.py", "")
    found = needed(model_of("first_own"), notebook)
    assert sorted(found.files) == ["first_own.py", "second_own.py"]
    assert any(pin.startswith("pyyaml==") for pin in found.pins)


def test_a_package_goes_whole_with_its_data_and_without_its_caches(notebook: Path) -> None:
    write(notebook, "ownpkg/__init__.py", "")
    write(notebook, "ownpkg/sub/__init__.py", "")
    write(notebook, "ownpkg/sub/deep.py", "from ..other import z\ndef predict(frame):\n    return z\n")
    write(notebook, "ownpkg/other.py", "z = 1\n")
    write(notebook, "ownpkg/table.csv", "a\n")
    write(notebook, "ownpkg/.secret", "x")
    write(notebook, "ownpkg/draft.ipynb", "{}")
    found = needed(model_of("ownpkg.sub.deep"), notebook)
    expected = ["__init__.py", "other.py", "sub/__init__.py", "sub/deep.py", "table.csv"]
    assert sorted(found.files) == [f"ownpkg/{name}" for name in expected]
    assert [record.name for record in found.local] == ["ownpkg"]


def test_data_that_a_module_opens_by_its_own_place_goes_along(notebook: Path) -> None:
    opened = "from pathlib import Path\nZONES = (Path(__file__).parent / 'zones.csv').read_text()\n"
    source = opened + "def predict(frame):\n    return ZONES\n"
    write(notebook, "zones.csv", "a\n")
    write(notebook, "other.csv", "b\n")
    write(notebook, "zoned_own.py", source)
    assert sorted(needed(model_of("zoned_own"), notebook).files) == ["zoned_own.py", "zones.csv"]


def test_the_digest_of_a_module_is_that_of_its_files(notebook: Path) -> None:
    file = write(notebook, "digest_own.py", "def predict(frame):\n    return 1\n")
    model = model_of("digest_own")
    one = needed(model, notebook)
    assert needed(model, notebook).local == one.local
    file.write_text("def predict(frame):\n    return 2\n")
    other = needed(model, notebook)
    assert other.local[0].digest != one.local[0].digest
    assert other.code != one.code


def test_a_copy_of_the_code_is_importable(notebook: Path, tmp_path: Path) -> None:
    write(notebook, "ownpkg2/__init__.py", "def predict(frame):\n    return 1\n")
    needed(model_of("ownpkg2"), notebook).copy_code(tmp_path / "code")
    assert (tmp_path / "code" / "ownpkg2" / "__init__.py").is_file()


def test_a_link_that_leaves_the_package_is_refused_by_name(notebook: Path, tmp_path: Path) -> None:
    write(notebook, "linked_own/__init__.py", "def predict(frame):\n    return 1\n")
    (tmp_path / "outside.csv").write_text("x")
    (notebook / "linked_own" / "data.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(Refused) as refused:
        needed(model_of("linked_own"), notebook)
    assert refused.value.code == "symlink-leaves"
    assert "data.csv" in refused.value.where


def test_a_pipe_in_a_package_is_refused(notebook: Path) -> None:
    write(notebook, "piped_own/__init__.py", "def predict(frame):\n    return 1\n")
    os.mkfifo(notebook / "piped_own" / "pipe")
    with pytest.raises(Refused) as refused:
        needed(model_of("piped_own"), notebook)
    assert refused.value.code == "not-a-file"


def test_a_module_given_to_exclude_stays_behind(notebook: Path) -> None:
    write(notebook, "left_own.py", "")
    write(notebook, "uses_own.py", "import left_own\ndef predict(frame):\n    return 1\n")
    assert sorted(needed(model_of("uses_own"), notebook, exclude=("left_own",)).files) == ["uses_own.py"]


def test_what_is_loaded_and_not_needed_is_listed_and_not_pinned(notebook: Path) -> None:
    import yaml  # noqa: F401

    write(notebook, "plain_own.py", "def predict(frame):\n    return 1\n")
    found = needed(model_of("plain_own"), notebook)
    assert any(pin.startswith("pyyaml==") for pin in found.left_out)
    assert not any(pin.startswith(("pyyaml", "pytest")) for pin in found.pins)


def test_a_function_of_the_notebook_brings_what_it_imports_when_it_runs(notebook: Path) -> None:
    held: dict[str, object] = {"__name__": "__main__"}
    exec("def predict(frame):\n    import yaml\n    from helper_own import one\n    return one\n", held)
    write(notebook, "helper_own.py", "one = 1\n")
    found = needed(held["predict"], notebook)
    assert list(found.files) == ["helper_own.py"]
    assert any(pin.startswith("pyyaml==") for pin in found.pins)


def test_a_namespace_package_gives_what_is_reached_and_not_its_whole_folder(notebook: Path) -> None:
    write(notebook, "spaced_own/feat/one.py", "from spaced_own.feat import two\ndef predict(frame):\n    return 1\n")
    write(notebook, "spaced_own/feat/two.py", "")
    write(notebook, "spaced_own/feat/raw.parquet", "much")
    found = needed(model_of("spaced_own.feat.one"), notebook)
    assert sorted(found.files) == ["spaced_own/feat/one.py", "spaced_own/feat/two.py"]


def test_links_inside_a_package_are_followed_and_circles_end(notebook: Path) -> None:
    write(notebook, "circle_own/__init__.py", "def predict(frame):\n    return 1\n")
    write(notebook, "circle_own/real/data.csv", "a")
    (notebook / "circle_own" / "alias").symlink_to("real")
    (notebook / "circle_own" / "real" / "up").symlink_to("..")
    assert "circle_own/__init__.py" in needed(model_of("circle_own"), notebook).files


def test_a_package_is_free_to_be_called_build_inside(notebook: Path) -> None:
    write(notebook, "named_own/__init__.py", "from named_own.build import one\ndef predict(frame):\n    return one\n")
    write(notebook, "named_own/build/__init__.py", "one = 1\n")
    assert "named_own/build/__init__.py" in needed(model_of("named_own"), notebook).files


def test_a_module_edited_after_its_import_is_named(notebook: Path) -> None:
    file = write(
        notebook,
        "edited_own.py",
        "K = 1\nclass A:\n    def m(self):\n        return 1\ndef predict(frame):\n    return [x for x in frame]\n",
    )
    model = model_of("edited_own")
    assert not [found for found in needed(model, notebook).findings if found.code == "edited-module"]
    file.write_text("\n" + file.read_text())
    assert not [found for found in needed(model, notebook).findings if found.code == "edited-module"]
    file.write_text(file.read_text().replace("return 1", "return 2"))
    (finding,) = [found for found in needed(model, notebook).findings if found.code == "edited-module"]
    assert "edited_own" in finding.title
