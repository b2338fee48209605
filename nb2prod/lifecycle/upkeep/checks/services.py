"""Where supervisord runs; ports and processes of the deployments."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from nb2prod.lifecycle.services import AGENT, Services, unwatched
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check, Severity
from nb2prod.targets.local import ports


class PlaceCheck(Check):
    """Is it remembered where supervisord runs? Otherwise it is looked for in supervisord's own configuration."""

    code, title, order = "place", "Supervisor", 25

    def look(self) -> Iterator[Ailment]:
        place = self.ground.target.processes.place
        if place.torn:
            where = f"it runs with {place.sockets}" if place.runs else "none runs"
            text = f"{place.file} does not say where supervisord runs; {where}."
            yield Ailment(text, "nb2prod doctor --fix", "warn", place.mend)

    def well(self) -> str:
        place = self.ground.target.processes.place
        return f"runs with {place.sockets}" if place.runs else "none runs"


class PortsCheck(Check):
    """Does a deployment's port belong to it?"""

    code, title, order = "ports", "Ports", 30

    def look(self) -> Iterator[Ailment]:
        held = self.ground.target.gateway.ports()
        for row in self.ground.store.deployments.all():
            if row.port in held or ports.free(row.port):
                continue
            text = f"Port {row.port} of `{row.name}` is taken by {ports.holder(row.port)}."
            severity: Severity = "bad" if row.desired == "running" else "warn"
            yield Ailment(text, "nb2prod doctor --fix", severity, partial(self.ground.target.move, row.name))

    def well(self) -> str:
        rows = self.ground.store.deployments.all()
        return ", ".join(f"{row.port} {row.name}" for row in rows) or "no deployment has one yet"


class ProcessesCheck(Check):
    """Does everything run that should, and nothing else?"""

    code, title, order = "processes", "Processes", 40

    def look(self) -> Iterator[Ailment]:
        target = self.ground.target
        running = [row.name for row in self.ground.store.deployments.all() if row.desired == "running"]
        if not running and not self.home.services.exists() and target.leftover_processes():
            yield Ailment("Processes run that no deployment needs.", "nb2prod doctor --fix", mend=target.ensure)
        for name in running:
            status = target.status(name)
            if status.state not in ("live", "starting"):
                text = f"`{name}` is {status.state}: {status.reason}"
                yield Ailment(text, "nb2prod doctor --fix", mend=target.ensure)

    def well(self) -> str:
        running = [row.name for row in self.ground.store.deployments.all() if row.desired == "running"]
        return f"{len(running)} live" if running else "nothing runs, nothing should"


class ElsewhereCheck(Check):
    """Are the services elsewhere that this home watches pulled?"""

    code, title, order = "elsewhere", "Elsewhere", 45

    def look(self) -> Iterator[Ailment]:
        watch = partial(Services(self.home).watch, self.ground.target)
        for one in Services(self.home).all():
            why = unwatched(one, self.home, self.ground.store)
            if why and not self.home.at_work(AGENT):
                yield Ailment(f"{one.url} is {why}.", "nb2prod doctor --fix", mend=watch)
            elif why:
                yield Ailment(f"{one.url} is {why}.", f"curl {one.url}/livez", "warn")

    def well(self) -> str:
        found = Services(self.home).all()
        return f"{len(found)} pulled" if found else "nothing is watched from here"
