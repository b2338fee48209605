"""Where nb2prod cannot run it says so in one line: at import, at %load_ext and in the command."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import nb2prod
from nb2prod.cli import main

ELSEWHERE = [("win32", (3, 11, 7), "wsl --install"), ("linux", (3, 9, 1), "python3.11 -m venv")]


@pytest.fixture(params=ELSEWHERE, ids=["windows", "python-3.9"])
def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the one line must hold, on a machine made to look like another."""
    platform, version, words = request.param
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "version_info", version)
    return words


def test_the_command_says_it_in_one_line_and_fails(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nb2prod", "list"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert line in str(caught.value.code)
    assert "\n" not in str(caught.value.code)


def test_load_ext_says_it_in_one_line_and_brings_no_magic(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    nb2prod.load_ipython_extension(shell)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1
    assert line in said[0]
    assert shell.find_line_magic("deploy") is None


def test_the_first_public_name_after_import_says_it_as_an_import_error(line: str) -> None:
    nb2prod.__dict__.pop("deploy", None)
    with pytest.raises(ImportError) as caught:
        nb2prod.deploy  # noqa: B018
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
