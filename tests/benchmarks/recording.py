"""What monitoring costs a service: the same service with and without it, in alternating bursts of the same run.

    python tests/benchmarks/recording.py [--pairs 20] [--requests 1000] [--model MODEL] [--write]

Both services are up all the time, in processes of their own; each pair of bursts asks one and then the other, in turning
order, so that what the machine does besides falls on both. On: rows go into the ring, from there into segments, and a
process beside counts them. A model is asked on the worker's own socket, the least that there can be between, and through Caddy
with the local target's own configuration, as a caller asks a deployment. The figures are medians over pairs, with quartiles: the
ratio of throughput, the difference in CPU a request of the serving process, the difference of p99. With --write the table goes
into recording.md; what stands there below the line of the signed figures is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvloop

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]
import serving  # noqa: E402

HERE = Path(__file__)
CASES = (
    ("costs nothing", "socket", 1),
    ("costs nothing", "socket", 16),
    ("costs nothing", "Caddy", 16),
    ("pipeline", "socket", 1),
    ("pipeline", "socket", 16),
    ("pipeline", "Caddy", 16),
)
SLOW = 3
"""A burst of the pipeline has so many times fewer requests."""
KEPT = "The signed figures are on less off."


def columns() -> Any:
    from nb2prod.records.capture import Column

    return tuple(Column(name=f"x{i}", kind="number", dtype="float64") for i in range(serving.WIDTH))


def capture(folder: Path, kind: str) -> Path:
    """A model that costs nothing, or a scaler and a logistic regression of scikit-learn that says probabilities."""
    from runtime import captures
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nb2prod.records.capture import Output, Signature

    training = np.random.default_rng(0).normal(size=(5000, serving.WIDTH))
    if kind == "costs nothing":
        number = Signature(columns=columns(), output=Output(kind="number", dtype="float64"), rows="array")
        return captures.write(folder, serving.model, number, training=training)
    fitted = make_pipeline(StandardScaler(), LogisticRegression())
    fitted.fit(training, (training[:, 0] > 0).astype(int))
    classes = Signature(
        columns=columns(), output=Output(kind="class", classes=(0, 1), probabilities=True), rows="array"
    )
    return captures.write(folder, fitted, classes, training=training)


def serve(kind: str, folder: Path, uds: str, on: bool) -> None:
    import uvicorn

    from nb2prod.runtime.front import Front
    from nb2prod.runtime.model import ServedModel
    from nb2prod.runtime.recorder import SpoolRecorder
    from nb2prod.runtime.settings import Settings

    served = ServedModel.load(capture(folder / "capture", kind))
    recorder = None
    if on:
        assert served.baseline is not None
        recorder = SpoolRecorder(
            folder / "spool", name="bench", baseline=served.baseline, signature=served.signature, counter="self"
        )
    made = Front(serving.lifespan_only, served, Settings(None, name="bench", tag="bench:1"), recorder=recorder)
    made.warm()
    uvicorn.run(made, uds=uds, loop="uvloop", http="httptools", log_level="error", access_log=False, ws="none")


@contextlib.contextmanager
def running(kind: str, way: str, on: bool) -> Iterator[tuple[psutil.Process, str | int]]:
    """The serving process, and where to ask it."""
    with tempfile.TemporaryDirectory(prefix="nb2prod-bench-") as folder, contextlib.ExitStack() as stack:
        uds = f"{folder}/s.sock"
        command = [sys.executable, str(HERE), "--serve", kind, "--folder", folder, "--uds", uds, "--on" * on]
        server = subprocess.Popen([word for word in command if word])
        try:
            while not Path(uds).exists():
                assert server.poll() is None
                time.sleep(0.05)
            to = stack.enter_context(caddy(Path(folder), Path(uds))) if way == "Caddy" else uds
            uvloop.run(serving.load(to, 600, 4))
            yield psutil.Process(server.pid), to
        finally:
            server.terminate()
            server.wait()
            time.sleep(2.0 * on)  # its counter ends by itself


@contextlib.contextmanager
def caddy(folder: Path, uds: Path) -> Iterator[int]:
    """Caddy before a worker, configured as the local target does it; its port."""
    from nb2prod.targets.local.gateway import Route, configuration
    from nb2prod.targets.local.slots import Slots

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slots = Slots(folder, "bench")
    slots.point("a", [uds])
    told = folder / "caddy.json"
    told.write_text(json.dumps(configuration([Route("bench", port, slots, 1, 2**24)], folder / "admin.sock")))
    home = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = [str(Path(sys.executable).with_name("caddy")), "run", "--config", str(told)]
    process = subprocess.Popen(command, env={**os.environ, **home}, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        time.sleep(1.0)  # its first look at /readyz
        yield port
    finally:
        process.terminate()
        process.wait()


def cpu(pid: int) -> float:
    """Microseconds of CPU of all threads; `psutil` has them in hundredths of a second, a tenth of a burst."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e3


def counting(server: psutil.Process) -> float:
    """Microseconds of CPU of the process that counts."""
    return sum(cpu(child.pid) for child in server.children())


def burst(server: psutil.Process, to: str | int, requests: int, at_once: int) -> tuple[float, float, float, float]:
    """Requests a second, CPU µs a request, p50 and p99 in ms."""
    before = cpu(server.pid)
    seconds, times = uvloop.run(serving.load(to, requests, at_once))
    p50, p99 = np.quantile(times, [0.5, 0.99]) * 1e3
    return len(times) / seconds, (cpu(server.pid) - before) / len(times), float(p50), float(p99)


def measure(kind: str, way: str, at_once: int, pairs: int, requests: int) -> list[str]:
    with running(kind, way, False) as off, running(kind, way, True) as on:
        found: dict[bool, list[tuple[float, float, float, float]]] = {False: [], True: []}
        time.sleep(3.0)  # its counter starts
        before = counting(on[0])
        for pair in range(pairs):
            for which in (False, True) if pair % 2 else (True, False):
                found[which].append(burst(*(on if which else off), requests, at_once))
        time.sleep(4.0)  # the last rows are counted
        beside = (counting(on[0]) - before) / (pairs * requests)
    was, now = (np.array(found[which]).T for which in (False, True))
    return [
        kind,
        way,
        str(at_once),
        f"{np.median(was[0]):,.0f}",
        f"{np.median(now[0]):,.0f}",
        spread(now[0] / was[0], ".3f"),
        f"{np.median(was[1]):.0f}",
        spread(now[1] - was[1], "+.1f"),
        f"{beside:.1f}",
        f"{np.median(now[2] - was[2]):+.3f}",
        f"{np.median(was[3]):.2f}",
        spread(now[3] - was[3], "+.2f"),
    ]


def spread(values: Any, form: str) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


HEAD = (
    *(
        "model",
        "asked on",
        "at once",
        "req/s off",
        "req/s on",
        "on/off (quartiles)",
        "CPU µs off",
        "CPU µs (quartiles)",
    ),
    *("counter's µs", "p50 ms", "p99 ms off", "p99 ms (quartiles)"),
)


def table(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (list(HEAD), ["---"] * len(HEAD), *rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--model", choices=sorted({kind for kind, _, _ in CASES}))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--serve")
    parser.add_argument("--folder")
    parser.add_argument("--uds")
    parser.add_argument("--on", action="store_true")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, Path(options.folder), options.uds, options.on)
        return
    before = os.getloadavg()[0]
    rows = []
    for kind, way, at_once in CASES:
        if options.model not in (None, kind):
            continue
        requests = options.requests // (SLOW if kind == "pipeline" else 1) // at_once * at_once
        rows.append(measure(kind, way, at_once, options.pairs, requests))
        print(*rows[-1], sep="  ", flush=True)
    if options.write:
        today = datetime.date.today().isoformat()
        machine = (
            f"{os.cpu_count()} cores ({platform.machine()}), load {before:.1f}, Python {platform.python_version()}"
        )
        how = (
            f"one worker, one row of {serving.WIDTH} numbers a request, {options.pairs} pairs of bursts of {options.requests} "
            f"(pipeline {options.requests // SLOW})"
        )
        path = HERE.with_suffix(".md")
        rest = path.read_text().partition(KEPT)[2] if path.exists() else ""
        path.write_text(
            f"# What monitoring costs a service\n\n{today}, {machine}; {how}, in turning order. "
            f"`python tests/benchmarks/recording.py --write`\n\n{table(rows)}\n\nThe serving process, Caddy, the counter and the "
            f"caller share the cores. CPU is that of the serving process; the counter's is that of a row counted. {KEPT}"
            + (rest or "\n")
        )


if __name__ == "__main__":
    main()
