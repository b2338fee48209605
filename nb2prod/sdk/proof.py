"""Verify: a clean environment, then the packaged service, must give the kernel's own answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from nb2prod import environments
from nb2prod.capturing import replay, walls
from nb2prod.capturing.settled import Settled, preloaded
from nb2prod.capturing.walls import OPEN, Walls
from nb2prod.environments import Environment, ForkServer, served
from nb2prod.errors import Nb2prodError, Refused, Unverified
from nb2prod.home import Home
from nb2prod.records.capture import Answers, Capture, Golden
from nb2prod.records.proof import BentoRef, Held, Replay, Status, Verification
from nb2prod.sdk.ahead import Begun
from nb2prod.sdk.client import Client
from nb2prod.sdk.worker import serving

KEPT = "nothing was registered"
Way = Literal["artifact", "service, many rows", "service, one row", "first worker"]


class Ground:
    """What a proof stands on: the clean environment, and the Bento, which may still be in the making.

    Parameters
    ----------
    environment
        The clean environment.
    bento
        Waited for by whoever needs it first.
    server
        Forks the replays' processes, where it may.
    """

    def __init__(self, environment: Environment, bento: Future[BentoRef], server: ForkServer | None) -> None:
        self.python = environment.python
        self.key = environment.key
        self.server = server
        self._bento = bento

    @property
    def bento(self) -> BentoRef:
        return self._bento.result()

    def built(self) -> bool:
        """Wait for the Bento; whether it could be built, which whoever needs it is told."""
        return self._bento.exception() is None

    def close(self) -> None:
        """End the fork server; environment and Bento stay."""
        if self.server is not None:
            self.server.close()
            self.server = None


def prepare(capture: Capture, home: Home, begun: Begun | None = None) -> Ground:
    """Build the clean environment from the lock while the Bento is built; returns when the environment stands."""
    begun = begun or Begun()
    environments.must_fit(capture)
    bento = begun.packed(capture, home)
    try:
        built, server = (begun.ahead and begun.ahead.take(capture)) or _standing(capture, home)
    except BaseException:
        bento.exception()
        raise
    return Ground(built, bento, server)


def _standing(capture: Capture, home: Home) -> tuple[Environment, ForkServer | None]:
    settled = Settled.of(capture)
    built = environments.build(settled.lock, home)
    return built, preloaded(settled, built.python, home)


def prove(
    capture: Capture,
    *,
    home: Home,
    ground: Ground | None = None,
    begun: Begun | None = None,
    variables: Mapping[str, str] | None = None,
    beside: Callable[[Ground], None] | None = None,
) -> Verification:
    """Replay the golden rows as artifact and through the packaged service.

    Parameters
    ----------
    variables
        Values of the environment variables that the capture declares.
    beside
        Work to run side by side with the replays, once the environment stands: the start of the first worker.
    ground
        What `prepare` returned; it is closed at the end. Without it it is prepared here, with what was `begun`.

    Returns
    -------
    Verification
        ``verified`` only if every replay gave the kernel's answers; ``unverified`` where the proof could not be run.
    """
    case = _Case(capture, home, dict(variables or {}), time.perf_counter())
    try:
        case.goldens = goldens(capture)
        with environments.in_use(home.cache):
            case.ground = ground or prepare(capture, home, begun)
            case.run(beside)
    except Unverified as error:
        return case.verdict("unverified", error)
    except Refused as error:
        return case.verdict("refused", error)
    finally:
        if case.ground is not None:
            case.ground.close()
    return case.verdict("verified", None)


def goldens(capture: Capture) -> list[Golden]:
    """The golden rows to replay: the real ones while this process holds them, and those that stay.

    Raises
    ------
    Unverified
        There are none.
    """
    found = [golden for golden in (capture.live, capture.golden) if golden is not None and golden.rows]
    if not found:
        raise Unverified(
            f"`{capture.name}` has no golden rows to replay",
            code="no-golden-rows",
            where="golden rows",
            why="None are stored with it, and the process that captured it has ended.",
            fix=f"%deploy {capture.name} --golden synthetic     # in the notebook, so that rows stay",
            kept=KEPT,
        )
    return found


def replay_service(client: Client, golden: Golden, *, worker: bool = False) -> list[Replay]:
    """Ask a service the golden rows, as one request of many rows and one by one, and compare with the kernel's answers."""
    many = _compared(golden, golden.batch, client.predict, "first worker" if worker else "service, many rows")
    if worker or not golden.single.predictions:
        return [many]
    return [many, _compared(golden, golden.single, lambda rows: _one_by_one(client, rows), "service, one row")]


def error_of(verification: Verification) -> Nb2prodError:
    """The error that a verification which is not `verified` stands for."""
    kind = Refused if verification.status == "refused" else Unverified
    return kind(
        verification.title,
        code=verification.code or verification.status,
        where=verification.where,
        why=verification.reason,
        fix=verification.fix,
        kept=verification.kept,
    ).saying(verification.log)


def require_equal(replays: Sequence[Replay], capture: Capture, outside: Sequence[str] = ()) -> None:
    """Raise `Refused` for the first replay whose answers are not the kernel's."""
    for one in replays:
        if not one.equal:
            raise _different(capture, one, outside)


@dataclass
class _Case:
    """One run of a proof, with what it has found so far."""

    capture: Capture
    home: Home
    variables: dict[str, str]
    start: float
    goldens: list[Golden] = field(default_factory=list)
    ground: Ground | None = None
    replays: list[Replay] = field(default_factory=list)
    outside: tuple[str, ...] = ()
    walls: Walls = OPEN

    def run(self, beside: Callable[[Ground], None] | None) -> None:
        ground = self.ground
        assert ground is not None
        with ThreadPoolExecutor(3) as pool:
            jobs: list[Future[Any]] = [pool.submit(self._artifact, ground), pool.submit(self._service, ground)]
            if beside is not None:
                jobs.append(pool.submit(beside, ground))
            for job in jobs:
                job.exception()
        for job in jobs:
            job.result()
        require_equal(self.replays, self.capture, self.outside)

    def _artifact(self, ground: Ground) -> None:
        self.walls = self._around(ground)
        found = replay.replay(
            self.capture,
            ground.python,
            self.goldens[0],
            home=self.home,
            variables=self.variables,
            hosts=self.capture.record.environment.hosts,
            server=ground.server,
        )
        self.replays.append(found.replay)
        self.outside = found.outside

    def _service(self, ground: Ground) -> None:
        whole = not served.before(ground.python)
        with serving(
            ground.bento,
            ground.python,
            home=self.home,
            name=self.capture.name,
            variables=self.variables,
            isolate=self._around(ground).front,
            server=ground.server,
            whole=whole,
        ) as client:
            for golden in self.goldens:
                self.replays.extend(replay_service(client, golden))
        if whole:
            served.now(ground.python)

    def _around(self, ground: Ground) -> Walls:
        record = self.capture.record
        return walls.around(record.environment.hosts, record.lineage.notebook, ground.python, self.home)

    def verdict(self, status: Status, error: Nb2prodError | None) -> Verification:
        return Verification(
            capture=self.capture.digest,
            status=status,
            held=_weakest(self.replays) if error is None else "not compared",
            title=error.title if error else "",
            reason=error.why if error else "",
            fix=error.fix if error else "",
            kept=(error.kept or KEPT) if error else None,
            where=error.where if error else "",
            code=error.code if error else "",
            log=error.log if error else (),
            replays=tuple(self.replays),
            outside=self.outside,
            warnings=tuple(one for one in self.capture.record.findings if one.severity == "warn"),
            notes=tuple(one for one in self.capture.record.findings if one.severity == "note"),
            environment=self.ground.key if self.ground else "",
            network=self.walls.network,
            files=self.walls.files,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=time.perf_counter() - self.start,
        )


def _compared(golden: Golden, expected: Answers, ask: Callable[[tuple[Any, ...]], Answers], way: Way) -> Replay:
    start = time.perf_counter()
    rows = golden.rows[: len(expected.predictions)]
    equal, held, largest, differing, first = replay.compare(expected, ask(rows), golden.tolerance)
    return Replay(
        way=way,
        rows=len(rows),
        kind=golden.kind,
        equal=equal,
        held=held,
        largest=largest,
        differing=differing,
        first=first,
        seconds=time.perf_counter() - start,
    )


def _one_by_one(client: Client, rows: tuple[Any, ...]) -> Answers:
    single = [client.predict((row,)) for row in rows]
    probabilities = [one.probabilities[0] for one in single if one.probabilities]
    return Answers(
        predictions=tuple(one.predictions[0] for one in single),
        probabilities=tuple(probabilities) if len(probabilities) == len(rows) else None,
    )


def _weakest(replays: Sequence[Replay]) -> Held:
    order: tuple[Held, ...] = ("not compared", "labels exact, scores within tolerance", "bit-for-bit")
    return min((one.held for one in replays), key=order.index, default="not compared")


def _different(capture: Capture, one: Replay, outside: Sequence[str]) -> Refused:
    causes = [finding for finding in capture.record.findings if finding.code in _CAUSES]
    why = f"{one.differing} of {one.rows} golden rows got another answer there than in this kernel"
    why += f", the first is row {one.first}." if one.first is not None else "."
    if causes:
        why += " Likely cause: " + "; ".join(f"{finding.title} ({finding.where})" for finding in causes)
    elif outside:
        why += " It reads from outside the capture: " + ", ".join(outside[:5])
    return Refused(
        f"`{capture.name}` answers differently in a clean environment",
        code="answers-differ",
        where=f"replay: {one.way}",
        why=why,
        fix=causes[0].fix
        if causes
        else "Give predict what it depends on: as an argument, an attribute of the model, or --env NAME",
        kept=KEPT,
    )


_CAUSES = (
    "environment-variable",
    "absolute-path",
    "main-dependent",
    "global-state",
    "module-value",
    "nondeterministic",
    "file-read",
)
