"""Where supervisord runs is known whatever became of the file that remembers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nb2prod.home import Home
from nb2prod.targets.local.gateway import Gateway
from nb2prod.targets.local.place import Place
from nb2prod.targets.local.supervisor import CONFIG, configuration

FOREIGN = [
    '{"a": 1}',
    '"x"',
    '{"sockets": 3, "python": 4}',
    '{"sockets": "/no',
    "[]",
    "",
    "\xff",
    '{"sockets": "", "python": "a\\u0000"}',
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a 50% home ;x", tmp_path / "cache")
    home.local.mkdir()
    return home


@pytest.fixture
def running(home: Home, tmp_path: Path) -> Place:
    """What a supervisord leaves that was started with another folder for its sockets."""
    python = tmp_path / "control" / "bin" / "python"
    sockets = tmp_path / "other run" / "mark"
    for path in (python, sockets / "supervisor.sock"):
        path.parent.mkdir(parents=True)
        path.touch()
    program = Gateway(home.local, sockets, lambda: python).program()
    (home.local / CONFIG).write_text(configuration([program], folder=home.local, socket=sockets / "supervisor.sock"))
    said = {"sockets": str(sockets), "python": str(python)}
    (home.local / "place.json").write_text(json.dumps(said))
    return Place.of(home)


@pytest.mark.parametrize("text", FOREIGN)
def test_a_file_that_says_no_place_is_as_if_it_were_not_there(home: Home, text: str) -> None:
    (home.local / "place.json").write_text(text, encoding="latin-1")
    place = Place.of(home, Path("/p/bin/python"))
    assert not place.runs
    assert place.sockets == home.sockets
    assert place.python == Path("/p/bin/python")


@pytest.mark.parametrize("text", FOREIGN[:-1])
def test_a_torn_file_beside_a_supervisord_is_written_again_as_it_was(home: Home, running: Place, text: str) -> None:
    assert not running.torn
    before = json.loads(running.file.read_bytes())
    running.file.write_text(text, encoding="latin-1")
    found = Place.of(home)
    assert found.torn
    assert (found.sockets, found.python) == (running.sockets, running.python)
    found.mend()
    assert json.loads(found.file.read_bytes()) == before
    assert not Place.of(home).torn


def test_a_configuration_without_its_socket_tells_nothing(home: Home, running: Place) -> None:
    running.file.write_text("torn")
    (running.sockets / "supervisor.sock").unlink()
    found = Place.of(home)
    assert not found.runs
    found.mend()
    assert not found.file.exists()


def test_a_torn_configuration_tells_nothing(home: Home, running: Place) -> None:
    running.file.unlink()
    for text in ("[unix_http", "[unix_http_server]\n", "no section\n", "[a]\n[a]\n"):
        (home.local / CONFIG).write_text(text)
        assert not Place.of(home).runs
