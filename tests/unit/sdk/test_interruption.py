"""Ctrl-C in a terminal reaches the kernel that deploys, which takes back what it began and tells what it kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

BEGINS = """
import time
from pathlib import Path
from nb2prod.sdk import notebooks

def deploy(*_, **__):
    Path("begun").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt as error:
        Path("stopped").touch()
        time.sleep(SECONDS)
        Path("taken-back").touch()
        error.add_note("nothing was registered; version 1 goes on answering")
        raise

notebooks.deploy = deploy
"""


@contextmanager
def deploying(folder: Path, *, cleaning: float) -> Iterator[subprocess.Popen[str]]:
    """A terminal's `nb2prod deploy`, in a process group of its own, whose deploy takes `cleaning` seconds to take back."""
    cell = nbformat.v4.new_code_cell(BEGINS.replace("SECONDS", str(cleaning)))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "n.ipynb")
    with subprocess.Popen(
        [sys.executable, "-m", "nb2prod", "deploy", "n.ipynb"],
        cwd=folder,
        env=os.environ | {"NB2PROD_HOME": str(folder / "home"), "NB2PROD_CACHE": str(folder / "cache")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} does not come"
        time.sleep(0.02)


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_ctrl_c_is_handed_on_to_the_kernel_and_what_it_kept_is_told(
    send: Callable[[int, int], None], tmp_path: Path
) -> None:
    with deploying(tmp_path, cleaning=0.5) as process:
        await_file(tmp_path / "begun")
        send(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "taken-back").exists()
    told, kept = said.strip().splitlines()[:: len(said.strip().splitlines()) - 1]
    assert told == "interrupted: taking back what was begun … (once more ends at once)"
    assert kept == "interrupted: nothing was registered; version 1 goes on answering"


def test_a_line_answers_ctrl_c_at_once(tmp_path: Path) -> None:
    with deploying(tmp_path, cleaning=60) as process:
        await_file(tmp_path / "begun")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "taking back" not in process.stderr.readline():
            assert process.poll() is None
        assert not (tmp_path / "taken-back").exists()


def test_a_second_ctrl_c_ends_at_once_and_says_what_takes_back_the_rest(tmp_path: Path) -> None:
    with deploying(tmp_path, cleaning=60) as process:
        await_file(tmp_path / "begun")
        process.send_signal(signal.SIGINT)
        await_file(tmp_path / "stopped")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not (tmp_path / "taken-back").exists()
    assert "interrupted: it was ended before it had taken back what it began; nb2prod doctor --fix" in said
