"""What uv says becomes one of our errors, naming the thing and the repair."""

import pytest

from nb2prod.environments import IndexSettings
from nb2prod.environments.uv import NotOnIndex, environ, translated
from nb2prod.errors import Failed, NoSpace, Refused, Unverified

CONFLICT = """error: No solution found when resolving dependencies
  cause: Because bentoml>=1.4.39 depends on starlette>=0.24.0 and you require starlette==0.20.0, we can conclude that your
         requirements and bentoml>=1.4.39 are incompatible.
         And because you require bentoml>=1.4.39, we can conclude that your requirements are unsatisfiable.
"""
DIRECT = """error: No solution found when resolving dependencies
  cause: Because you require msgspec==0.18.0 and msgspec>=0.20, we can conclude that your requirements are unsatisfiable.
"""
MISSING = """error: No solution found when resolving dependencies
  cause: Because my-own-thing was not found in the package registry and you require my-own-thing==1.0, we can conclude that
         your requirements are unsatisfiable.
"""
NO_VERSION = """error: No solution found when resolving dependencies
  cause: Because there is no version of torch==2.13.0+xyz and you require torch==2.13.0+xyz, we can conclude that your
         requirements are unsatisfiable.
"""
SDIST = """error: No solution found when resolving dependencies
  cause: Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we can conclude that your requirements are
         unsatisfiable.

hint: Wheels are required for `docopt` because building from source is disabled for all packages (i.e., with `--no-build`)
"""
OFFLINE = """error: Request failed after 3 retries in 9.3s
  cause: Failed to fetch: http://me:secret@127.0.0.1:9/simple/numpy/
  cause: client error (Connect)
"""


def test_a_conflict_names_both_sides() -> None:
    error = translated(CONFLICT)
    assert isinstance(error, Refused)
    assert error.code == "lock-conflict"
    assert "starlette==0.20.0" in error.title
    assert "starlette>=0.24.0" in error.title
    assert "bentoml" in error.title
    assert error.fix.startswith("pip install 'starlette>=0.24.0'")


def test_two_requirements_on_one_thing_are_a_conflict_too() -> None:
    error = translated(DIRECT)
    assert error.code == "lock-conflict"
    assert "msgspec==0.18.0" in error.title
    assert "msgspec>=0.20" in error.title


def test_what_no_index_has_is_named() -> None:
    for text, name in ((MISSING, "my-own-thing"), (NO_VERSION, "torch"), (SDIST, "docopt")):
        error = translated(text)
        assert isinstance(error, NotOnIndex), text
        assert error.package == name


def test_an_unreachable_index_leaves_the_proof_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_OFFLINE", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    error = translated(OFFLINE)
    assert isinstance(error, Unverified)
    assert error.code == "index-unreachable"
    assert error.fix.startswith("pip config list")
    monkeypatch.setenv("UV_INDEX_URL", "https://nowhere.example/simple")
    assert translated(OFFLINE).fix.startswith("unset UV_INDEX_URL ")
    monkeypatch.setenv("UV_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://nowhere.example/simple")
    assert translated(OFFLINE).fix.startswith("unset UV_INDEX ")
    monkeypatch.setenv("UV_OFFLINE", "true")
    assert translated(OFFLINE).fix.startswith("unset UV_OFFLINE ")


def test_an_index_set_for_uv_goes_before_the_one_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("UV_INDEX_URL", "https://mine.example/simple")
    told = environ(IndexSettings(index="https://pips.example/simple"))
    assert told["UV_INDEX_URL"] == "https://mine.example/simple"
    assert "UV_DEFAULT_INDEX" not in told


def test_a_full_disk_and_anything_else_have_codes_of_their_own() -> None:
    assert isinstance(translated("error: x\n cause: No space left on device (os error 28)"), NoSpace)
    assert isinstance(translated("error: strange"), Failed)
