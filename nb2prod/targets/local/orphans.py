"""Processes that a killed supervisord left running: they carry a mark in their environment, so they are found and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "NB2PROD_SUPERVISED"
PROGRAM = "NB2PROD_PROGRAM"


@dataclass(frozen=True)
class Orphan:
    """A marked process; `program` is its name in supervisord's configuration, empty for supervisord itself."""

    pid: int
    created: float
    program: str


def find(sockets: Path) -> list[Orphan]:
    """Every process of this user that this home's supervisord started, and supervisord itself; parents before children."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            environment = process.environ()
            if environment.get(MARK) == str(sockets) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Orphan(process.pid, process.create_time(), environment.get(PROGRAM, "")))
        except (psutil.Error, OSError):
            continue
    return sorted(found, key=lambda one: one.created)


def end(found: Iterable[Orphan], *, deadline: float) -> None:
    """SIGTERM, wait for the drain, then SIGKILL. Pids that were reused meanwhile are left alone."""
    found = list(found)
    for one in found:
        _send(one, signal.SIGTERM)
    until = time.monotonic() + deadline
    for one in found:
        if not _gone(one, until):
            _send(one, signal.SIGKILL)
            _gone(one, time.monotonic() + 5.0)


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait for a process that is not our child to end."""
    until = time.monotonic() + seconds
    while _alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _gone(one: Orphan, until: float) -> bool:
    while _same(one):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _send(one: Orphan, number: int) -> None:
    if _same(one):
        try:
            os.kill(one.pid, number)
        except ProcessLookupError:
            return


def _same(one: Orphan) -> bool:
    try:
        process = psutil.Process(one.pid)
        return bool(process.create_time() == one.created and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
