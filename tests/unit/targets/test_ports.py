"""Which port a new deployment gets."""

import socket
from pathlib import Path

import pytest

from nb2prod.home import Home
from nb2prod.targets.local import LocalTarget, ports


def test_the_lowest_that_is_free_and_promised_to_nobody() -> None:
    with socket.create_server((ports.HOST, 0)) as listening:
        held = listening.getsockname()[1]
        assert ports.choose({held + 1}, first=held) > held + 1


@pytest.mark.parametrize(("said", "first"), [("", 3080), ("23980", 23980), ("80", 3080), ("many", 3080)])
def test_a_variable_says_where_the_search_begins(
    said: str, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ports.VARIABLE, said)
    assert ports.first() == first
    assert LocalTarget(Home(tmp_path / "home", tmp_path / "cache")).port("delays") >= first
