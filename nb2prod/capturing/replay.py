"""The golden rows answered again in a clean environment, and whether the answers are the kernel's."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from nb2prod.capturing import failure, walls
from nb2prod.capturing.walls import Walls
from nb2prod.environments import ForkServer
from nb2prod.errors import Unverified
from nb2prod.home import Home
from nb2prod.records.capture import Answers, Capture, Cell, Golden
from nb2prod.records.proof import Held, Replay
from nb2prod.runtime import shipped, signatures

SCORES_WITHIN = 1e-6
TIMEOUT = 300.0

# For `python -I -c`: nothing of the caller's sys.path is there, so what ships is put first by hand. The notebook's folder is
# its own: whoever opens a file of it finds nothing there, as on the machine where the service will run.
_BOOTSTRAP = """
import os, sys
sys.path.insert(0, {shipped!r})
hidden, seen = {hidden!r}, tuple(os.path.realpath(p) + os.sep for p in (*{seen!r}, sys.prefix, sys.base_prefix))
def unseen(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(hidden) and not (path + os.sep).startswith(seen):
            raise FileNotFoundError(2, "No such file or directory (the replay does not see the notebook's folder)", path)
if hidden:
    sys.addaudithook(unseen)
from nb2prod.runtime.replayer import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Replayed:
    """A replay, what it read from outside the capture, and how network and the notebook's folder were kept off."""

    replay: Replay
    outside: tuple[str, ...]
    walls: Walls

    def __iter__(self) -> Iterator[Any]:
        return iter((self.replay, self.outside))


def replay(
    capture: Capture,
    environment_python: Path,
    rows: Golden,
    *,
    home: Home | None = None,
    variables: Mapping[str, str] | None = None,
    hosts: Sequence[str] = (),
    server: ForkServer | None = None,
) -> Replayed:
    """Ask the saved model in a clean environment, with no sight of the notebook, and compare.

    Parameters
    ----------
    environment_python
        The interpreter of an environment that was built from the capture's lock.
    rows
        Golden rows with the kernel's answers; they travel through a pipe and touch no disk.
    home
        Where what ships is kept between replays; without it a copy is made for this one.
    variables
        Values of the environment variables that the capture declares.
    hosts
        Hosts that `predict` may reach.
    server
        What `preloaded` returned for this capture; without it a process is started.

    Raises
    ------
    Refused
        The model cannot be loaded or asked there.
    Unverified
        The replay itself could not be run.
    """
    began = time.monotonic()
    hidden = walls.hidden(capture.record.lineage.notebook)
    around = walls.walls(hosts, hidden=hidden, seen=walls.needed(environment_python, home))
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nb2prod-replay-")))
        place = _Place(
            capture.folder,
            environment_python,
            shipped_code(home, scratch),
            scratch / "work",
            hidden,
            around.front,
            home.trusted_keys if home else os.environ.get(signatures.VARIABLE, ""),
            capture.record.lineage.cells,
        )
        document = _run(place, rows, dict(variables or {}), hosts, server)
    batch, single = (msgspec.convert(document[part], Answers) for part in ("batch", "single"))
    outcome = worse(compare(rows.batch, batch, rows.tolerance), compare(rows.single, single, rows.tolerance))
    return Replayed(
        Replay(
            way="artifact",
            rows=len(rows.rows),
            kind=rows.kind,
            equal=outcome.equal,
            held=outcome.held,
            largest=outcome.largest,
            differing=outcome.differing,
            first=outcome.first,
            seconds=round(time.monotonic() - began, 3),
        ),
        outside=_of_others([*document.get("files", ()), *document.get("modules", ())]),
        walls=around,
    )


class Comparison(NamedTuple):
    """How two sets of answers stand to each other; `first` is the first row that differs."""

    equal: bool
    held: Held
    largest: float
    differing: int
    first: int | None


def compare(expected: Answers, got: Answers, tolerance: float, *, scores_within: float = SCORES_WITHIN) -> Comparison:
    """Compare answers: bit for bit, else labels exact and numbers within the larger of `tolerance` and `scores_within`.

    Returns
    -------
    (equal, held, largest, differing, first)
        `differing` rows are those past the tolerance, or, where all hold within it, those that are not bit-equal.

    Examples
    --------
    >>> compare(Answers(predictions=(1.0,)), Answers(predictions=(1.0,)), 0.0).held
    'bit-for-bit'
    """
    if len(expected.predictions) != len(got.predictions):
        return Comparison(False, "not compared", math.inf, abs(len(expected.predictions) - len(got.predictions)), 0)
    if expected == got:
        return Comparison(True, "bit-for-bit", 0.0, 0, None)
    distances = [_distance(a, b) for a, b in zip(_rows(expected), _rows(got), strict=True)]
    limit = max(tolerance, scores_within)
    over = [row for row, distance in enumerate(distances) if distance > limit]
    apart = over or [row for row, distance in enumerate(distances) if distance > 0]
    held: Held = "not compared" if over else "labels exact, scores within tolerance" if apart else "bit-for-bit"
    return Comparison(not over, held, max(distances, default=0.0), len(apart), apart[0] if apart else None)


def worse(*outcomes: Comparison) -> Comparison:
    """What holds for all of them."""
    order: tuple[Held, ...] = ("bit-for-bit", "labels exact, scores within tolerance", "not compared")
    last = max(outcomes, key=lambda outcome: (not outcome.equal, order.index(outcome.held), outcome.differing))
    return Comparison(last.equal, last.held, max(o.largest for o in outcomes), last.differing, last.first)


def shipped_code(home: Home | None, scratch: Path) -> Path:
    """A folder with what ships and nothing else, importable; kept in the cache of a home."""
    if home is not None:
        return shipped.kept(home.cache / "shipped")
    (scratch / "shipped").mkdir()
    shipped.copy(scratch / "shipped")
    return scratch / "shipped"


def _rows(answers: Answers) -> list[tuple[Any, ...]]:
    if answers.probabilities is None:
        return [(one,) for one in answers.predictions]
    return [(one, *scores) for one, scores in zip(answers.predictions, answers.probabilities, strict=True)]


def _distance(a: Any, b: Any) -> float:
    """0 where equal, the (relative past 1) difference of numbers, infinite where they are no two numbers."""
    if isinstance(a, Mapping) and isinstance(b, Mapping) and a.keys() == b.keys():
        return max((_distance(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return max((_distance(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    if a == b and isinstance(a, bool) == isinstance(b, bool):
        return 0.0
    # two whole numbers that differ are two labels or counts, not a rounding
    if (isinstance(a, float) or isinstance(b, float)) and _is_number(a) and _is_number(b):
        return float(abs(a - b) / max(1.0, abs(a)))
    return math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def answers(
    capture: Capture, environment_python: Path, rows: Golden, *, home: Home, variables: Mapping[str, str] | None = None
) -> Answers:
    """The answers of a capture's model to any rows of its signature, asked in its clean environment as one batch.

    Raises
    ------
    Refused, Unverified
        As `replay`.
    """
    with tempfile.TemporaryDirectory(prefix="nb2prod-replay-") as folder:
        scratch = Path(folder)
        place = _Place(
            capture.folder,
            environment_python,
            shipped_code(home, scratch),
            scratch / "work",
            None,
            walls.walls(capture.record.environment.hosts).front,
            home.trusted_keys,
            capture.record.lineage.cells,
        )
        asked = msgspec.structs.replace(rows, single=Answers(predictions=()))
        document = _run(place, asked, dict(variables or {}), capture.record.environment.hosts, None)
    return msgspec.convert(document["batch"], Answers)


@dataclass(frozen=True)
class _Place:
    """Where a replay runs: the capture, the interpreter, what ships, an empty working folder, and what it must not see."""

    capture: Path
    python: Path
    shipped: Path
    work: Path
    hidden: Path | None
    front: tuple[str, ...]
    keys: str = ""
    cells: tuple[Cell, ...] = ()

    @property
    def code(self) -> str:
        return _BOOTSTRAP.format(
            shipped=str(self.shipped),
            hidden=os.path.realpath(self.hidden) + os.sep if self.hidden else "",
            seen=(
                str(self.work),
                str(self.shipped),
                str(self.capture),
                str(self.python.parent.parent),
                self.keys or "/dev",
            ),
        )


def _run(
    place: _Place, rows: Golden, variables: dict[str, str], hosts: Sequence[str], server: ForkServer | None
) -> dict[str, Any]:
    place.work.mkdir()
    job = {
        "capture": str(place.capture),
        "rows": list(rows.rows),
        "single": len(rows.single.predictions),
        "environment": variables,
        "hosts": list(hosts),
        "network": False,
    }
    return _document(_carried_out(place, msgspec.json.encode(job), server, rows), place.cells)


def _of_others(touched: Sequence[str]) -> tuple[str, ...]:
    """What was read or imported outside the capture, without the process's own start and what of nb2prod is there."""
    own = os.path.realpath(Path(__file__).parents[1]) + os.sep
    return tuple(
        dict.fromkeys(
            one
            for one in touched
            if one not in ("__main__", "__mp_main__")
            and one.partition(".")[0] != "nb2prod"
            and not os.path.realpath(one).startswith(own)
        )
    )


def _carried_out(
    place: _Place, job: bytes, server: ForkServer | None, rows: Golden
) -> subprocess.CompletedProcess[bytes]:
    try:
        environment = walls.surroundings(place.work, place.keys)
        if server is not None and server.ready():
            return server.run(place.code, cwd=place.work, environment=environment, given=job, timeout=TIMEOUT)
        return subprocess.run(
            [*place.front, str(place.python), "-I", "-c", place.code],
            input=job,
            capture_output=True,
            cwd=place.work,
            env=environment,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_slow(rows) from error
    except OSError as error:
        raise Unverified(
            "The replay could not be started",
            code="replay-not-started",
            where=str(place.python),
            why=str(error),
            fix="nb2prod doctor --fix",
        ) from error


def _document(done: subprocess.CompletedProcess[bytes], cells: Sequence[Cell]) -> dict[str, Any]:
    said = done.stderr.decode(errors="replace").strip().splitlines()
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {}
    if "batch" in document:
        return dict(document)
    last = next((line.strip() for line in reversed(said) if line.strip()), f"It ended with status {done.returncode}.")
    told = document.get("error") or {"title": "The model ends the replay", "code": "replay-failed", "why": last}
    raise failure.refusal(told, last, cells)


def _too_slow(rows: Golden) -> Unverified:
    return Unverified(
        "The replay took too long",
        code="replay-too-slow",
        where=f"{len(rows.rows)} rows in a clean environment",
        why=f"No answer came within {TIMEOUT:.0f} s.",
        fix="%deploy model --data X_train.head(1000)",
        kept="nothing was registered",
    )
