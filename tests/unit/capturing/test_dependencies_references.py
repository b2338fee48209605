"""What a saved model names is found without loading it; what the code that travels imports is found without running it."""

from __future__ import annotations

import pickle
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from nb2prod.capturing import imports, references
from nb2prod.capturing.imports import Import


def saved(thing: object, folder: Path, dump=cloudpickle.dumps) -> references.Named:
    folder.mkdir(exist_ok=True)
    (folder / "model.pkl").write_bytes(dump(thing))
    return references.named(folder)


def function(text: str) -> object:
    held: dict[str, object] = {"__name__": "__main__"}
    exec(text, held)
    return held["f"]


def test_the_globals_of_every_protocol_are_found(tmp_path: Path) -> None:
    for protocol in range(6):
        named = saved(np.arange(3.0), tmp_path, lambda thing, p=protocol: pickle.dumps(thing, protocol=p))
        assert any(name.startswith("numpy") for name in named.modules), protocol


def test_a_module_that_a_function_of_the_notebook_uses_is_found(tmp_path: Path) -> None:
    named = saved(function("import json\ndef f(x):\n    return json.dumps(x)"), tmp_path)
    assert "json" in named.modules


def test_the_digest_follows_the_code_and_not_the_data(tmp_path: Path) -> None:
    one = saved(function("a = 1\ndef f(x):\n    return x + a"), tmp_path).digest
    assert saved(function("a = 2\ndef f(x):\n    return x + a"), tmp_path).digest == one
    assert saved(function("a = 1\ndef f(x):\n    return x - a * 2"), tmp_path).digest != one


def test_a_file_that_is_no_pickle_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04no pickle at all")
    assert references.named(tmp_path).modules == frozenset()


def test_skops_states_its_types(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LinearRegression

    skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "model.skops")
    assert any(name.startswith("sklearn") for name in references.named(tmp_path).modules)


def test_imports_inside_functions_and_relative_ones_are_seen() -> None:
    source = "import a.b\ndef f():\n    from ..up import c\n    importlib.import_module('late')\n"
    assert imports.of_source(source, "pkg.sub.mod") == [Import("a.b"), Import("pkg.up", ("c",)), Import("late")]


@pytest.mark.parametrize(("package", "expected"), [(False, "pkg"), (True, "pkg.mod")])
def test_a_package_is_its_own_base(package: bool, expected: str) -> None:
    assert imports.of_source("from . import x", "pkg.mod", package=package) == [Import(expected, ("x",))]


def test_imports_are_seen_in_bytecode_as_in_source() -> None:
    text = "def f(x):\n    import a.b as c\n    from d import e\n    def g():\n        from .h import i\n    return g"
    found = imports.of_code(function(text).__code__, "pkg")  # type: ignore[attr-defined]
    assert set(found) == {Import("a.b"), Import("d", ("e",)), Import("pkg.h", ("i",))}


def test_what_only_a_type_checker_or_a_script_reads_is_no_dependency() -> None:
    source = "if TYPE_CHECKING:\n    import a\nelse:\n    import b\nif __name__ == '__main__':\n    import c\n"
    assert imports.of_source(source) == [Import("b")]
