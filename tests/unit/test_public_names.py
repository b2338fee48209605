"""The public names stay what they are, whatever has been imported before."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import nb2prod


def modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages(nb2prod.__path__, "nb2prod.")]
    return [name for name in found if not name.endswith("__main__") and name != "nb2prod.packaging.builder"]


@pytest.mark.parametrize("name", [name for name in nb2prod.__all__ if name != "__version__"])
def test_a_public_name_is_callable_twice_after_every_module_was_imported(name: str) -> None:
    for module in modules():
        importlib.import_module(module)
    first, second = getattr(nb2prod, name), getattr(nb2prod, name)
    assert callable(first)
    assert first is second


def test_importing_nb2prod_brings_nothing_with_it() -> None:
    code = "import sys, nb2prod; print([name for name in ('numpy', 'msgspec', 'sqlalchemy', 'mlflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_public_is_listed_and_what_is_not_is_an_attribute_error() -> None:
    assert set(nb2prod.__all__) <= set(dir(nb2prod))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = nb2prod.no_such_name
