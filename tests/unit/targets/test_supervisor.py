from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import UnhosedConfigParser, expand

from nb2prod.targets.local import orphans
from nb2prod.targets.local.supervisor import Program, configuration, environment, escape, unescape

MARKS = {"ENV_NB2PROD_SEMICOLON": ";", "ENV_NB2PROD_HASH": "#"}
NAMES = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\x85\xa0")
)


def read_back(text: str, section: str, key: str) -> str:
    parser = UnhosedConfigParser()
    parser.expansions = MARKS
    parser.read_string(text)
    return str(parser.saneget(section, key))


@given(NAMES.map(lambda text: f"/home/{text}/x"))
def test_supervisord_reads_every_path_as_it_was_written(path: str) -> None:
    assert read_back(f"[a]\nkey={escape(path)}\n", "a", "key") == path
    assert unescape(escape(path)) == path


def test_a_program_is_read_as_it_was_meant() -> None:
    folder = Path("/home/a 50% home ;x")
    program = Program(
        "a.1.worker-1", (f"{folder}/python", "-m", "x"), {"KEY": "a 'b' 5%"}, folder, folder / "worker.log"
    )
    text = configuration([program], folder=folder, socket=Path("/tmp/s.sock"))
    command = shlex.split(read_back(text, "program:a.1.worker-1", "command"))
    assert command[1:] == ["KEY=a 'b' 5%", f"{orphans.PROGRAM}=a.1.worker-1", f"{folder}/python", "-m", "x"]
    log = read_back(text, "program:a.1.worker-1", "stdout_logfile")
    assert expand(log, MARKS, "stdout_logfile") == str(folder / "worker.log")


def test_logs_keep_five_files_of_five_megabytes() -> None:
    program = Program("a", ("x",), {}, Path("/"), Path("/x.log"))
    text = configuration([program], folder=Path("/tmp"), socket=Path("/tmp/s.sock"))
    assert read_back(text, "program:a", "stdout_logfile_maxbytes") == str(5 * 2**20)
    assert read_back(text, "program:a", "stdout_logfile_backups") == "4"


def test_only_a_list_of_variables_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    kept = environment(Path("/tmp/s"))
    assert kept["LC_ALL"] == "C.UTF-8"
    assert kept[orphans.MARK] == "/tmp/s"
    assert not {"AWS_SECRET_ACCESS_KEY", "PYTHONDONTWRITEBYTECODE"} & set(kept)
