"""supervisord, one a home: its configuration, its life, and what it says of its programs."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shlex
import shutil
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nb2prod.errors import Failed
from nb2prod.home import write_atomic
from nb2prod.targets.local import orphans
from nb2prod.targets.local.unixhttp import UnixTransport

CONFIG = "supervisord.conf"
LOG_BYTES = 5 * 2**20
LOG_FILES = 5
DRAIN_SECONDS = 40
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "OPENBLAS_CORETYPE")
"""All that a service sees of the environment it was started from (and `LC_…`)."""
PATIENCE = 3.0
"""Seconds that a look waits for an answer."""
GONE = FileNotFoundError, ConnectionRefusedError
"""What says that nobody listens; anything else is somebody who did not answer."""

Reached = Callable[[], bool]


@dataclass(frozen=True)
class Program:
    """One process that supervisord keeps up; `ready` says when it does its work, `stop_seconds` how long it may take to end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    priority: int = 500
    stop_seconds: int = DRAIN_SECONDS
    ready: Reached | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Process:
    """What supervisord says of a program: its state in supervisord's own words, pid and start (epoch seconds)."""

    name: str
    state: str
    pid: int | None
    since: float | None
    error: str = ""


class Supervisor:
    """The home's supervisord.

    Parameters
    ----------
    folder
        Its configuration, pid file and log.
    sockets
        The short folder of its control socket.
    python
        Gives the interpreter of the control environment; asked only when something is started.
    """

    def __init__(self, folder: Path, sockets: Path, python: Callable[[], Path]) -> None:
        self.folder = folder
        self.sockets = sockets
        self._python = python
        self.socket = sockets / "supervisor.sock"
        self.config = folder / CONFIG
        self.pidfile = folder / "supervisord.pid"

    def pid(self) -> int | None:
        """Its process id, also where it is too busy to say so; None where there is no supervisord of this home."""
        try:
            return cast(int, self._rpc(timeout=5.0).getPID())
        except GONE:
            return None
        except (OSError, xmlrpc.client.Error):
            return next((one.pid for one in orphans.find(self.sockets) if not one.program), None)

    def processes(self) -> dict[str, Process]:
        """Every program that it knows; empty where it does not answer."""
        return self.look(timeout=30.0) or {}

    def look(self, *, timeout: float = PATIENCE) -> dict[str, Process] | None:
        """Every program that it knows; empty where there is no supervisord, None where it does not answer in time."""
        try:
            known = cast(list[dict[str, Any]], self._rpc(timeout).getAllProcessInfo())
        except GONE:
            return {}
        except (OSError, xmlrpc.client.Error):
            return None
        return {info["name"]: _process(info) for info in known}

    def apply(self, programs: Iterable[Program]) -> None:
        """Run exactly these programs: others end (drained, not waited for), missing ones start, dead ones start again."""
        wanted = {program.name: program for program in programs}
        self._write(wanted.values())
        if self.pid() is None:
            self._launch(wanted)
        else:
            self._update()
        known = self.processes()
        for name in wanted:
            self._start(name, known.get(name))

    def stop(self, names: Iterable[str], *, deadline: float = DRAIN_SECONDS + 5.0) -> None:
        """End programs and wait until they are gone."""
        names = set(names)
        for name in names:
            self._try("stopProcess", name, False)
        until = time.monotonic() + deadline
        while any(process.pid for name, process in self.processes().items() if name in names):
            if time.monotonic() > until:
                break
            time.sleep(0.05)

    def restart(self, name: str) -> None:
        """End one program, wait for its end, start it again."""
        self.stop([name])
        self._try("startProcess", name, False)

    def shutdown(self, *, deadline: float = DRAIN_SECONDS + 10.0) -> None:
        """End supervisord and every program; also what an earlier, killed supervisord left running."""
        pid = self.pid()
        if pid is not None:
            self._try("shutdown")
            orphans.wait_gone(pid, deadline)
        orphans.end(orphans.find(self.sockets), deadline=DRAIN_SECONDS)
        self.socket.unlink(missing_ok=True)
        self.pidfile.unlink(missing_ok=True)

    def _launch(self, wanted: Mapping[str, Program]) -> None:
        left = orphans.find(self.sockets)
        orphans.end([one for one in left if one.program not in wanted], deadline=DRAIN_SECONDS)
        self.socket.unlink(missing_ok=True)
        self.pidfile.unlink(missing_ok=True)
        self._spawn()
        # What a killed supervisord left goes on serving; it is replaced one by one, so that the service has no gap.
        for one in left:
            program = wanted.get(one.program)
            if program is not None:
                orphans.end([one], deadline=program.stop_seconds)
                self._start(program.name, None)
                _wait(program.ready)

    def _spawn(self) -> None:
        done = subprocess.run(
            [str(self._python()), "-P", "-X", "utf8", "-m", "supervisor.supervisord", "-c", str(self.config)],
            env=environment(self.sockets),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=60,
            check=False,
        )
        if done.returncode == 0 and _wait(lambda: self.pid() is not None, 20.0):
            return
        raise Failed(
            "supervisord does not start",
            code="supervisord-start",
            where=str(self.config),
            why=done.stdout.decode(errors="replace").strip()[-600:] or tail_text(self.folder / "supervisord.log"),
            fix="nb2prod doctor --fix",
            kept="nothing that runs was touched",
        )

    def _update(self) -> None:
        try:
            [[added, changed, removed]] = cast(list[list[list[str]]], self._rpc().reloadConfig())
        except xmlrpc.client.Fault as error:
            raise Failed(
                "supervisord cannot read its configuration",
                code="supervisord-config",
                where=str(self.config),
                why=error.faultString,
                fix="nb2prod doctor --fix",
                kept="what runs goes on",
            ) from error
        except OSError as error:
            raise Failed(
                "supervisord does not answer",
                code="supervisord-silent",
                where=str(self.socket),
                why=f"It runs (pid {self.pid()}) and said nothing for 30 s: the machine is busy, or it was stopped.",
                fix="nb2prod doctor --fix",
                kept="what runs goes on",
            ) from error
        for name in removed:
            self._try("stopProcessGroup", name, False)
            self._try("removeProcessGroup", name)  # refused while it drains; the next update removes it
        if changed:
            self.stop(changed)
        for name in changed:
            self._try("removeProcessGroup", name)
        for name in (*added, *changed):
            self._try("addProcessGroup", name)

    def _start(self, name: str, known: Process | None) -> None:
        if known is not None and known.state in ("STARTING", "RUNNING", "BACKOFF"):
            return
        if known is not None and known.state == "STOPPING":
            self.stop([name])
        self._try("startProcess", name, False)

    def _write(self, programs: Iterable[Program]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = configuration(programs, folder=self.folder, socket=self.socket)
        write_atomic(self.config, text.encode(), mode=0o600)

    def _try(self, method: str, *arguments: Any) -> None:
        """Ask for something that may have come true by itself meanwhile; what counts is the state, which is looked at."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            getattr(self._rpc(), method)(*arguments)

    def _rpc(self, timeout: float = 30.0) -> Any:
        transport = UnixTransport(self.socket, timeout)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def configuration(programs: Iterable[Program], *, folder: Path, socket: Path) -> str:
    """supervisord's configuration file.

    Nothing starts by itself (`autostart`): who asks for a program starts it, so that after a crash of supervisord
    each orphan can be ended before its successor takes its socket.
    """
    descriptors, processes = _limits()
    sections = [
        ("unix_http_server", {"file": escape(str(socket)), "chmod": "0600"}),
        (
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        (
            "supervisord",
            {
                "logfile": escape(str(folder / "supervisord.log")),
                "pidfile": escape(str(folder / "supervisord.pid")),
                "childlogdir": escape(str(folder)),
                "logfile_maxbytes": str(LOG_BYTES),
                "logfile_backups": str(LOG_FILES - 1),
                "umask": "077",
                "minfds": str(descriptors),
                "minprocs": str(processes),
            },
        ),
        *((f"program:{program.name}", _section(program)) for program in programs),
    ]
    return "\n".join(
        f"[{title}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()) for title, keys in sections
    )


def _section(program: Program) -> dict[str, str]:
    mark = {**program.environment, orphans.PROGRAM: program.name}
    # `env` and not supervisord's own `environment=`: that one cannot quote every character a path may have.
    command = (
        shutil.which("env") or "/usr/bin/env",
        *(f"{key}={value}" for key, value in mark.items()),
        *program.command,
    )
    return {
        "command": escape(shlex.join(command)),
        "directory": escape(str(program.directory)),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "5",
        "stopsignal": "TERM",
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "priority": str(program.priority),
        "redirect_stderr": "true",
        "stdout_logfile": escape(escape(str(program.log))),  # supervisord expands this one twice
        "stdout_logfile_maxbytes": str(LOG_BYTES),
        "stdout_logfile_backups": str(LOG_FILES - 1),
    }


def escape(text: str) -> str:
    """A value that supervisord reads back as it was: it expands `%` and cuts at a space before `;` or `#`."""
    text = text.replace("%", "%%")
    return re.sub(r"(?<=\s)[;#]", lambda found: _MARKS[found[0]], text)


def unescape(text: str) -> str:
    """What `escape` was given."""
    signs = {mark: sign for sign, mark in _MARKS.items()}
    return re.sub(r"%%|%\(\w+\)s", lambda found: signs.get(found[0], "%"), text)


_MARKS = {";": "%(ENV_NB2PROD_SEMICOLON)s", "#": "%(ENV_NB2PROD_HASH)s"}


def environment(sockets: Path) -> dict[str, str]:
    """The environment of supervisord and so of all it runs: an allow-list, and the marks that `escape` needs."""
    kept = {key: value for key, value in os.environ.items() if key in PASSED_ON or key.startswith("LC_")}
    kept.setdefault("PATH", os.defpath)
    return {**kept, "NB2PROD_SEMICOLON": ";", "NB2PROD_HASH": "#", orphans.MARK: str(sockets)}


def tail_text(path: Path, lines: int = 8) -> str:
    """The last lines of a log as one text; empty where there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _limits() -> tuple[int, int]:
    """What supervisord asks of the system; it refuses to start where a hard limit is lower than its defaults."""
    asked = []
    for kind, default in ((resource.RLIMIT_NOFILE, 1024), (resource.RLIMIT_NPROC, 200)):
        hard = resource.getrlimit(kind)[1]
        asked.append(default if hard == resource.RLIM_INFINITY else min(default, hard))
    return asked[0], asked[1]


def _process(info: dict[str, Any]) -> Process:
    return Process(info["name"], info["statename"], info["pid"] or None, info["start"] or None, info["spawnerr"])


def _wait(reached: Reached | None, seconds: float = 30.0) -> bool:
    if reached is None:
        return True
    until = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
