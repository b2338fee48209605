from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from loading import Load, until

from nb2prod.errors import Conflict, Failed, NotFound
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep import doctor
from nb2prod.records.base import read
from nb2prod.records.serving import ServiceSettings
from nb2prod.store.deployments import RunRow
from nb2prod.targets.local import LocalTarget, orphans

STANDIN = Path(__file__).with_name("standin.py")
PORT = 23080 + 40 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])


def standin(row: RunRow, uds: Path, worker: str) -> tuple[tuple[str, ...], dict[str, str]]:
    return (row.python, str(STANDIN), "--bento", row.bento, "--uds", str(uds), "--name", worker), {}


class Bench:
    """A home with a target whose workers are the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home", folder / "cache")
        self.bentos = folder / "bentos"
        self.target = self.again()

    def again(self) -> LocalTarget:
        """Another process's view of the same home."""
        return LocalTarget(self.home, control=Path(sys.executable), worker=standin, first_port=PORT)

    def bento(self, answer: str, **extra: str) -> Path:
        folder = self.bentos / answer
        folder.mkdir(parents=True)
        for name, text in {"answer": answer, **extra}.items():
            (folder / name).write_text(text)
        return folder

    def deploy(self, version: int, *, name: str = "delays", workers: int = 2, **extra: str) -> None:
        bento = self.bento(f"{name}-{version}", **extra)
        self.target.start_worker(name, bento, None, sys.executable, workers)
        self.target.switch(name, version)

    def ask(self, name: str = "delays") -> dict[str, object]:
        reply = httpx.post(self.target.url(name) + "/predict", json={"inputs": []}, timeout=20)
        assert reply.status_code == 200, reply.text
        found: dict[str, object] = reply.json()
        return found

    def all_ready(self, name: str = "delays") -> bool:
        return all(worker.state == "ready" for worker in self.target.status(name).workers)

    def processes(self) -> list[orphans.Orphan]:
        return orphans.find(self.target.sockets)

    def pid_of(self, program: str) -> int:
        return next(one.pid for one in self.processes() if one.program == program)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.target.shutdown()
    assert not bench.processes()


def load_on(bench: Bench) -> Load:
    """Bodies arrive whole: a retried request would arrive empty."""
    return Load(bench.target.url("delays"), [], lambda said: said["answer"] if said["bytes"] == 13 else None)


def test_a_worker_starts_without_version_and_traffic_and_has_both_after_the_switch(bench: Bench) -> None:
    uds = bench.target.start_worker("delays", bench.bento("one"), ServiceSettings(name="x"), sys.executable, 2)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(uds))) as client:
        early = client.get("http://worker/").json()
    assert (early["version"], early["traffic"]) == (None, False)
    assert bench.target.status("delays").state == "starting"
    assert bench.target.switch("delays", 1) is None
    answer = bench.ask()
    assert (answer["answer"], answer["version"], answer["traffic"]) == ("one", 1, True)
    until(bench.all_ready)
    status = bench.target.status("delays")
    assert (status.state, status.version, status.reason) == ("live", 1, None)
    assert (status.requests, status.errors, status.p50_ms, status.p99_ms) == (100, 2, 1.0, 9.82)


def test_a_worker_sees_nothing_of_the_environment_it_was_started_from(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_NOTEBOOK", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    bench.deploy(1)
    seen = bench.ask()["environment"]
    assert isinstance(seen, list)
    assert not {"SECRET_OF_THE_NOTEBOOK", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"} & set(seen)


def test_switches_under_load_fail_no_request(bench: Bench) -> None:
    bench.deploy(1)
    with load_on(bench) as load:
        for version in range(2, 6):
            bench.deploy(version)
            assert bench.ask()["version"] == version
            seen = len(load.answers)
            until(lambda seen=seen: len(load.answers) > seen + 10)
    assert load.failed == []
    assert {"delays-1", "delays-5"} <= set(load.answers)
    until(
        lambda: (
            {one.program for one in bench.processes() if "worker" in one.program}
            == {"delays.5.worker-1", "delays.5.worker-2"}
        )
    )


def test_a_request_that_takes_long_is_answered_by_the_version_that_took_it(bench: Bench) -> None:
    bench.deploy(1, delay="2.0")
    answers: list[object] = []
    slow = threading.Thread(target=lambda: answers.append(bench.ask()["answer"]))
    slow.start()
    until(lambda: slow.is_alive() and psutil.Process(bench.pid_of("delays.1.worker-1")).net_connections("unix"))
    bench.deploy(2)
    slow.join()
    assert answers in (["delays-1"], ["delays-2"])
    assert bench.ask()["answer"] == "delays-2"


def test_the_other_workers_follow_and_their_number_can_change(bench: Bench) -> None:
    bench.deploy(1, workers=3)
    until(bench.all_ready)
    pids = {worker.name: worker.pid for worker in bench.target.status("delays").workers}
    assert len(pids) == 3
    bench.target.scale("delays", 2)
    until(bench.all_ready)
    kept = {worker.name: worker.pid for worker in bench.target.status("delays").workers}
    assert kept == {name: pids[name] for name in ("worker-1", "worker-2")}


def test_a_crash_at_start_says_so_with_the_last_lines_and_leaves_the_live_version_alone(bench: Bench) -> None:
    bench.deploy(1)
    with pytest.raises(Failed) as caught:
        bench.target.start_worker(
            "delays", bench.bento("bad", crash="ValueError: no such column"), None, sys.executable, 2
        )
    assert "ValueError: no such column" in caught.value.why
    assert caught.value.kept == "version 1 goes on answering"
    assert bench.ask()["answer"] == "delays-1"
    assert bench.target.status("delays").state == "live"


def test_a_first_deploy_that_crashes_leaves_no_deployment_and_no_process(bench: Bench) -> None:
    with pytest.raises(Failed):
        bench.target.start_worker("delays", bench.bento("bad", crash="boom"), None, sys.executable, 2)
    assert bench.target.store.all() == ()
    assert bench.processes() == []
    assert not bench.home.deployment("delays").exists()


def test_what_was_made_ready_for_a_worker_that_never_came_ends_and_live_ones_are_left_alone(bench: Bench) -> None:
    bench.target.warm()
    until(lambda: {one.program for one in bench.processes()} >= {"caddy"})
    bench.target.settle()
    until(lambda: not bench.processes())
    bench.deploy(1)
    before = {one.pid for one in bench.processes()}
    bench.again().warm()
    bench.again().settle()
    assert before <= {one.pid for one in bench.processes()}


def test_a_worker_that_takes_the_place_of_another_leaves_what_else_lies_there(bench: Bench) -> None:
    bench.target.start_worker("delays", bench.bento("one"), None, sys.executable)
    (beside := bench.target.sockets / "replay").mkdir()
    bench.target.start_worker("delays", bench.bento("two"), None, sys.executable)
    assert beside.is_dir()
    bench.target.switch("delays", 1)
    assert bench.ask()["answer"] == "two"


def test_stop_frees_the_port_and_start_takes_the_same_one(bench: Bench) -> None:
    bench.deploy(1)
    url, port = bench.target.url("delays"), bench.target.port("delays")
    bench.target.stop("delays")
    assert bench.processes() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    status = bench.target.status("delays")
    assert (status.state, status.fix) == ("stopped", "nb2prod start delays")
    bench.target.start("delays")
    assert bench.target.url("delays") == url
    assert bench.ask()["version"] == 1


def test_a_failed_start_is_remembered_with_its_cause_until_one_succeeds(bench: Bench) -> None:
    bench.deploy(1)
    bench.target.stop("delays")
    crash = bench.bentos / "delays-1" / "crash"
    crash.write_text(
        'Traceback (most recent call last):\n  File "a.py"\nValueError: no such column\n{"error":{"title":"T"}}'
    )
    with pytest.raises(Failed) as caught:
        bench.target.start("delays")
    assert caught.value.why.endswith(": T.")
    assert caught.value.log[-1] == "ValueError: no such column"
    status = bench.target.status("delays")
    assert (status.state, status.fix) == ("failed", "nb2prod logs delays")
    assert status.reason is not None
    assert status.reason.endswith(": T.")
    assert "ValueError: no such column" in status.log
    assert not any(line.startswith("{") for line in status.log)
    crash.unlink()
    bench.target.start("delays")
    assert bench.target.status("delays").state == "live"


def test_two_deployments_have_ports_of_their_own_and_do_not_disturb_each_other(bench: Bench) -> None:
    bench.deploy(1)
    bench.deploy(1, name="churn")
    assert bench.target.port("delays") != bench.target.port("churn")
    bench.target.stop("delays")
    assert bench.ask("churn")["answer"] == "churn-1"


def test_the_traffic_goes_back_to_a_version_that_ran_before(bench: Bench) -> None:
    bench.deploy(1)
    bench.deploy(2)
    with load_on(bench) as load:
        assert bench.target.switch("delays", 1) == 2
        assert bench.ask()["answer"] == "delays-1"
    assert load.failed == []
    with pytest.raises(NotFound):
        bench.target.switch("delays", 7)


def test_remove_leaves_no_process_port_or_file(bench: Bench) -> None:
    bench.deploy(1)
    port, sockets = bench.target.port("delays"), bench.target.sockets
    bench.target.remove("delays")
    assert bench.processes() == []
    assert not bench.home.deployment("delays").exists()
    assert not list(sockets.glob("*"))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with pytest.raises(NotFound):
        bench.target.status("delays")


def test_a_body_past_the_limit_is_a_problem_and_condemns_no_worker(bench: Bench) -> None:
    bench.deploy(1)
    reply = httpx.post(bench.target.url("delays") + "/predict", content=b" " * (11 * 2**20), timeout=20)
    assert (reply.status_code, reply.headers["content-type"]) == (413, "application/problem+json")
    assert reply.json()["type"] == "urn:nb2prod:body-too-large"
    assert bench.ask()["answer"] == "delays-1"


def test_with_no_worker_the_answer_is_a_problem(bench: Bench) -> None:
    bench.deploy(1, workers=1)
    bench.target.supervisor.stop(["delays.1.worker-1"])
    reply = httpx.post(bench.target.url("delays") + "/predict", json={}, timeout=20)
    assert reply.status_code in (502, 503)
    assert reply.json()["type"] == "urn:nb2prod:no-worker"
    status = bench.target.status("delays")
    assert status.state != "live"
    assert status.reason
    bench.target.ensure()
    assert bench.ask()["version"] == 1


def test_a_killed_worker_fails_no_request_and_comes_back(bench: Bench) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    with load_on(bench) as load:
        until(lambda: len(load.answers) > 20)
        killed = bench.pid_of("delays.1.worker-1")
        os.kill(killed, signal.SIGKILL)
        until(lambda: bench.all_ready() and bench.pid_of("delays.1.worker-1") != killed)
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 20)
    assert load.lost(kills=1) == []


def test_a_killed_supervisord_is_mended_without_a_failed_request(bench: Bench) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    supervisord = bench.target.supervisor.pid()
    assert supervisord is not None
    before = {one.program: one.pid for one in bench.processes() if one.program}
    os.kill(supervisord, signal.SIGKILL)
    until(lambda: bench.target.supervisor.pid() is None)
    status = bench.target.status("delays")
    assert (status.state, status.fix) == ("degraded", "nb2prod doctor --fix")
    assert bench.ask()["version"] == 1
    bench.again().ensure()
    until(bench.all_ready)
    after = {one.program: one.pid for one in bench.processes() if one.program}
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert bench.target.status("delays").state == "live"


def test_who_does_not_answer_is_not_said_to_be_gone(bench: Bench) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    supervisord = bench.target.supervisor.pid()
    assert supervisord is not None
    pids = {name: bench.pid_of(f"delays.1.{name}") for name in ("worker-1", "worker-2")}
    stopped = [supervisord]
    try:
        os.kill(supervisord, signal.SIGSTOP)
        assert bench.target.supervisor.pid() == supervisord
        status = bench.target.status("delays")
        assert status.state == "degraded"
        assert "supervisord did not answer within 3 s" in (status.reason or "")
        assert "2 of 2 workers answer" in (status.reason or "")
        assert {one.name: one.pid for one in status.workers} == pids
        for pid in pids.values():
            stopped.append(pid)
            os.kill(pid, signal.SIGSTOP)
        status = bench.target.status("delays")
        assert (status.state, {one.state for one in status.workers}) == ("degraded", {"silent"})
        assert f"The workers run (pid {pids['worker-1']}, {pids['worker-2']})" in (status.reason or "")
        assert (status.fix or "").startswith("nb2prod status delays")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    until(bench.all_ready)
    assert bench.target.status("delays").state == "live"


def test_a_caddy_that_does_not_answer_is_no_other_process_on_its_port(bench: Bench) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    caddy = bench.pid_of("caddy")
    os.kill(caddy, signal.SIGSTOP)
    try:
        status = bench.target.status("delays")
        assert (status.state, (status.reason or "")[:33]) == ("degraded", "Caddy runs and did not answer in ")
    finally:
        os.kill(caddy, signal.SIGCONT)


def test_a_torn_place_leaves_the_processes_alone_and_doctor_writes_it_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    before = {one.pid for one in bench.processes()}
    place = bench.home.local / "place.json"
    whole = place.read_bytes()
    place.write_bytes(whole[:20])
    (tmp_path / "r").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))
    states = {one.code: one.state for one in doctor(bench.home, fix=True, target=bench.again())}
    assert (states["place"], states["ports"], states["processes"]) == ("mended", "ok", "ok")
    assert place.read_bytes() == whole
    bench.again().ensure()
    assert {one.pid for one in bench.processes()} == before
    assert bench.ask()["version"] == 1


def test_what_a_killed_supervisord_left_is_found_where_its_place_is_torn_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.deploy(1)
    until(bench.all_ready)
    port, supervisord = bench.target.port("delays"), bench.target.supervisor.pid()
    assert supervisord is not None
    os.kill(supervisord, signal.SIGKILL)
    until(lambda: bench.target.supervisor.pid() is None)
    (bench.home.local / "place.json").write_bytes(b"")
    (tmp_path / "r").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))
    states = {one.code: one.state for one in doctor(bench.home, fix=True, target=bench.again())}
    assert (states["place"], states["ports"], states["processes"]) == ("mended", "ok", "mended")
    again = bench.again()
    assert (again.sockets, again.port("delays")) == (bench.target.sockets, port)
    until(bench.all_ready)
    assert bench.target.status("delays").state == "live"


def test_a_killed_caddy_comes_back_with_the_version_that_takes_traffic(bench: Bench) -> None:
    bench.deploy(1)
    bench.deploy(2)
    killed = bench.pid_of("caddy")
    os.kill(killed, signal.SIGKILL)
    until(bench.target.gateway.alive)
    until(lambda: bench.target.status("delays").state == "live")
    assert bench.ask()["version"] == 2


def test_after_a_restart_of_the_machine_all_that_should_run_runs_again(bench: Bench) -> None:
    bench.deploy(1)
    bench.deploy(1, name="churn")
    bench.target.stop("churn")
    orphans.end(bench.processes(), deadline=0.0)
    shutil.rmtree(bench.target.sockets)
    status = bench.again().status("delays")
    assert (status.state, status.fix) == ("failed", "nb2prod doctor --fix")
    bench.target = bench.again()
    bench.target.ensure()
    until(lambda: bench.target.status("delays").state == "live")
    assert bench.ask()["version"] == 1
    assert bench.target.status("churn").state == "stopped"


def test_a_port_that_was_taken_meanwhile_is_named_and_nothing_starts(bench: Bench) -> None:
    bench.deploy(1)
    port = bench.target.port("delays")
    bench.target.stop("delays")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(Conflict, match=f"Port {port}") as caught:
            bench.target.start("delays")
        assert str(os.getpid()) in caught.value.why
        assert bench.processes() == []
    bench.target.start("delays")
    assert bench.ask()["version"] == 1


def test_a_taken_port_is_skipped_by_a_new_deployment(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", PORT)):
        assert bench.target.port("delays") > PORT


def test_a_home_with_a_space_a_percent_sign_a_comment_sign_and_unicode_works(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "a 50% home ; # 'ünï \"cødé")
    try:
        bench.deploy(1)
        assert bench.ask()["version"] == 1
        until(lambda: list(bench.target.logs("delays")) == ["worker-1  worker-1 starts", "worker-2  worker-2 starts"])
    finally:
        bench.target.shutdown()
    assert bench.processes() == []


def test_logs_rotate_and_stay_under_their_cap(bench: Bench) -> None:
    bench.deploy(1, workers=1)
    for _ in range(28):
        httpx.get(bench.target.url("delays") + "/fill", timeout=30)
    folder = bench.home.deployment("delays") / "run-1" / "logs"
    until(lambda: (folder / "worker-1.log.4").exists())
    files = list(folder.iterdir())
    assert len(files) <= 5
    assert sum(file.stat().st_size for file in files) <= 5 * 5 * 2**20 + 2**20
    assert next(bench.target.logs("delays", 1)) == "x" * 1023


def test_a_service_outlives_the_process_that_deployed_it(bench: Bench) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(STANDIN.parent)!r})
from pathlib import Path
from test_local_target import Bench
Bench(Path({str(bench.home.root.parent)!r})).deploy(1)
"""
    subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert bench.ask()["version"] == 1
    children = psutil.Process().children(recursive=True)
    assert not {child.pid for child in children} & {one.pid for one in bench.processes()}


def test_service_json_says_what_the_store_says(bench: Bench) -> None:
    bench.deploy(1)
    settings = read(bench.home.deployment("delays") / "run-1" / "service.json", ServiceSettings)
    assert (settings.name, settings.version, settings.traffic) == ("delays", 1, True)
    assert json.loads(bench.target.gateway.config.read_bytes())["admin"]["config"] == {"persist": False}
