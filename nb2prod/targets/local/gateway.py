"""Caddy, one a home: holds each deployment's port and sends what comes in to the workers that take traffic."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nb2prod.errors import Failed
from nb2prod.home import write_atomic
from nb2prod.targets.local import ports
from nb2prod.targets.local.slots import Slot, Slots
from nb2prod.targets.local.supervisor import Program
from nb2prod.targets.local.unixhttp import ask

PROGRAM = "caddy"
IDEMPOTENT = ("/predict", "/v2/*", "/feedback")
"""Routes whose POST may be sent again to another worker: a prediction changes nothing, a label counts once by its id."""

SLACK = 2**20
"""A body without a stated length is the worker's to refuse; Caddy cuts it off only this far past the limit."""


@dataclass(frozen=True)
class Route:
    """A deployment's port, its two slots, how many workers there may be, and the largest body in bytes."""

    name: str
    port: int
    slots: Slots
    workers: int
    body_limit: int


class Gateway:
    """The home's Caddy: its configuration file and its admin side, which listens on a unix socket alone."""

    def __init__(self, folder: Path, sockets: Path, python: Callable[[], Path]) -> None:
        self.folder = folder
        self.config = folder / "caddy.json"
        self.socket = sockets / "caddy.sock"
        self._python = python

    def program(self) -> Program:
        """How supervisord runs it; a Caddy that starts again reads the file."""
        state = self.folder / "caddy"
        state.mkdir(parents=True, exist_ok=True)
        return Program(
            name=PROGRAM,
            command=(str(self._python().with_name("caddy")), "run", "--config", str(self.config)),
            environment={"XDG_DATA_HOME": str(state), "XDG_CONFIG_HOME": str(state)},
            directory=state,
            log=self.folder / "caddy.log",
            priority=100,
            stop_seconds=20,
            ready=self.alive,
        )

    def alive(self) -> bool:
        """Does its admin side answer?"""
        reply = ask(self.socket, "GET", "/config/admin", timeout=3.0)
        return reply is not None and reply.status == 200

    def ports(self) -> frozenset[int]:
        """The ports that it holds now; none where it does not answer."""
        return self.look() or frozenset()

    def look(self) -> frozenset[int] | None:
        """The ports that it holds now; None where it does not answer."""
        reply = ask(self.socket, "GET", "/config/apps/http/servers", timeout=3.0)
        if reply is None:
            return None
        if reply.status != 200:
            return frozenset()
        servers = json.loads(reply.body) or {}
        return frozenset(int(server["listen"][0].rpartition(":")[2]) for server in servers.values())

    def write(self, routes: Iterable[Route]) -> None:
        """Write the file, which a restarted Caddy reads; nothing changes yet for one that runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.config, json.dumps(configuration(routes, self.socket), indent=1).encode() + b"\n", mode=0o600)

    def load(self, *, deadline: float = 20.0) -> None:
        """Bring a running Caddy to what the file says, without dropping a request.

        Raises
        ------
        Failed
            It does not answer, or refuses the configuration; then it keeps the one that it has.
        """
        until = time.monotonic() + deadline
        while True:
            reply = ask(self.socket, "POST", "/load", body=self.config.read_bytes(), timeout=30.0)
            if reply is not None and reply.status == 200:
                return
            if reply is not None or time.monotonic() > until:
                raise self._refused(reply.body.decode(errors="replace") if reply else "")
            time.sleep(0.02)

    def _refused(self, why: str) -> Failed:
        return Failed(
            "Caddy does not take the new configuration" if why else "Caddy does not answer",
            code="gateway",
            where=str(self.config),
            why=why.strip()[:600] or f"Nobody answers on {self.socket}; its log is {self.folder / 'caddy.log'}.",
            fix="nb2prod doctor --fix",
            kept="the version that takes traffic goes on",
        )


def configuration(routes: Iterable[Route], socket: Path) -> dict[str, Any]:
    """Caddy's configuration as JSON: one server a deployment."""
    return {
        "admin": {"listen": f"unix/{socket}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN", "exclude": ["admin"]}}},
        "apps": {"http": {"grace_period": "30s", "servers": {route.name: _server(route) for route in routes}}},
    }


def _server(route: Route) -> dict[str, Any]:
    length = "{http.request.header.Content-Length}"
    too_large = f"header({{'Content-Length': '*'}}) && int({length}) > {route.body_limit}"
    body = {"handler": "request_body", "max_size": route.body_limit + SLACK}
    in_slot_b = {"root": str(route.slots.marker.parent), "try_files": [route.slots.marker.name]}
    return {
        "listen": [f"{ports.HOST}:{route.port}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": [
            # Said before a worker is chosen: a body that breaks off in the middle would count against the worker.
            {"match": [{"expression": too_large}], "handle": [{"handler": "error", "status_code": 413}]},
            {"match": [{"file": in_slot_b}], "handle": [body, _proxy(route, "b")], "terminal": True},
            {"handle": [body, _proxy(route, "a")]},
        ],
        "errors": {"routes": [_problem(*problem) for problem in _problems(route)]},
    }


def _proxy(route: Route, slot: Slot) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{socket}"} for socket in route.slots.links(slot, route.workers)],
        # Without the whole body in hand a retried POST arrives empty and condemns the healthy worker.
        "request_buffers": route.body_limit,
        "load_balancing": {
            "selection_policy": {"policy": "least_conn"},
            "try_duration": "5s",
            "try_interval": "20ms",
            "retry_match": [{"method": ["POST"], "path": list(IDEMPOTENT)}, {"method": ["GET", "HEAD"]}],
        },
        "health_checks": {
            "active": {"uri": "/readyz", "interval": "500ms", "timeout": "10s", "expect_status": 200},
            "passive": {"fail_duration": "2s", "max_fails": 1},
        },
        # Idle connections end before uvicorn's own 5 s, so that none is closed under a request.
        "transport": {
            "protocol": "http",
            "dial_timeout": "2s",
            "keep_alive": {"enabled": True, "idle_timeout": "4s", "max_idle_conns_per_host": 64},
        },
    }


def _problems(route: Route) -> list[tuple[int | None, str, str, str, str]]:
    """Status, code, title, why, fix of what Caddy itself answers; the last is for all others."""
    limit = f"{route.body_limit / 2**20:.0f} MB"
    return [
        (
            413,
            "body-too-large",
            "The request is too large",
            f"The limit is {limit} a request.",
            "Send fewer rows at a time.",
        ),
        (
            502,
            "no-worker",
            "No worker could answer",
            "None was there, or it ended while it answered.",
            f"nb2prod logs {route.name}",
        ),
        (503, "no-worker", "No worker is ready", "None answered for 5 seconds.", f"nb2prod status {route.name}"),
        (504, "worker-slow", "The worker took too long", "It did not answer in time.", f"nb2prod logs {route.name}"),
        (None, "gateway", "The gateway could not answer", "{http.error.message}", f"nb2prod status {route.name}"),
    ]


def _problem(status: int | None, code: str, title: str, why: str, fix: str) -> dict[str, Any]:
    body = {
        "type": f"urn:nb2prod:{code}",
        "title": title,
        "status": status or 500,
        "detail": why,
        "pointer": "",
        "fix": fix,
        "kept": None,
        "request_id": "{http.request.uuid}",
    }
    answer = {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "headers": {"Content-Type": ["application/problem+json"], "X-Request-Id": ["{http.request.uuid}"]},
        "body": json.dumps(body).replace("{", "\\{", 1),  # Caddy's placeholders begin with the same brace
    }
    found: dict[str, Any] = {"handle": [answer]}
    if status is not None:
        found["match"] = [{"expression": f"{{http.error.status_code}} == {status}"}]
    return found
