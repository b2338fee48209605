"""What monitoring costs a service: the same service with and without it, in alternating bursts of the same run.

    python tests/benchmarks/recording.py [--pairs 20] [--requests 2000] [--write]

Both services are up all the time, in processes of their own; each pair of bursts asks one and then the other, in turning
order, so that what the machine does besides falls on both. On: rows go into the ring, from there into segments, and a
process beside counts them. The figures are medians over pairs of the ratio of throughput and of CPU a request (of the serving
process), and the difference of p99 pooled over all bursts. With --write the table goes into recording.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import os
import platform
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
MODELS = ("costs nothing", "pipeline")


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
def running(kind: str, on: bool) -> Iterator[tuple[psutil.Process, str]]:
    with tempfile.TemporaryDirectory() as folder:
        uds = f"{folder}/s.sock"
        command = [sys.executable, str(HERE), "--serve", kind, "--folder", folder, "--uds", uds, "--on" * on]
        server = subprocess.Popen([word for word in command if word])
        try:
            while not Path(uds).exists():
                assert server.poll() is None
                time.sleep(0.05)
            uvloop.run(serving.load(uds, 2000, 4))
            yield psutil.Process(server.pid), uds
        finally:
            server.terminate()
            server.wait()
            time.sleep(2.0)  # its counter ends by itself


def burst(server: psutil.Process, uds: str, requests: int, at_once: int) -> tuple[float, float, list[float]]:
    """Requests a second, CPU µs a request, and all times."""
    before = sum(server.cpu_times()[:2])
    seconds, times = uvloop.run(serving.load(uds, requests, at_once))
    return len(times) / seconds, (sum(server.cpu_times()[:2]) - before) / len(times) * 1e6, times


def measure(kind: str, at_once: int, pairs: int, requests: int) -> list[str]:
    with running(kind, False) as off, running(kind, True) as on:
        found: dict[bool, list[tuple[float, float, list[float]]]] = {False: [], True: []}
        for pair in range(pairs):
            for which in (False, True) if pair % 2 else (True, False):
                found[which].append(burst(*(on if which else off), requests, at_once))
    rates = np.array([[one[0] for one in found[which]] for which in (False, True)])
    cpu = np.array([[one[1] for one in found[which]] for which in (False, True)])
    p50, p99 = (
        [float(np.quantile(np.concatenate([one[2] for one in found[which]]), share)) * 1e3 for which in (False, True)]
        for share in (0.5, 0.99)
    )
    ratio, spread = np.median(rates[1] / rates[0]), np.quantile(rates[1] / rates[0], [0.25, 0.75])
    return [
        kind,
        str(at_once),
        f"{np.median(rates[0]):,.0f}",
        f"{np.median(rates[1]):,.0f}",
        f"{ratio:.3f} ({spread[0]:.3f} to {spread[1]:.3f})",
        f"{np.median(cpu[1] - cpu[0]):+.0f}",
        f"{p50[1] - p50[0]:+.3f}",
        f"{p99[0]:.2f}",
        f"{p99[1] - p99[0]:+.2f}",
    ]


HEAD = ("model", "at once", "req/s off", "req/s on", "on/off (quartiles)", "CPU µs", "p50 ms", "p99 off ms", "p99 ms")


def table(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (list(HEAD), ["---"] * len(HEAD), *rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--requests", type=int, default=2000)
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
    for kind, at_once in itertools.product(MODELS, (1, 16)):
        rows.append(measure(kind, at_once, options.pairs, options.requests))
        print(*rows[-1], sep="  ", flush=True)
    if options.write:
        today = datetime.date.today().isoformat()
        machine = (
            f"{os.cpu_count()} cores ({platform.machine()}), load {before:.1f}, Python {platform.python_version()}"
        )
        how = f"one worker, one row of {serving.WIDTH} numbers a request, {options.pairs} pairs of bursts of {options.requests}"
        HERE.with_suffix(".md").write_text(
            f"# What monitoring costs a service\n\n{today}, {machine}; {how}, in turning order. "
            f"`python tests/benchmarks/recording.py --write`\n\n{table(rows)}\n\nThe serving process, the counter and the "
            "caller share the cores. CPU is that of the serving process. The signed figures are on less off.\n"
        )


if __name__ == "__main__":
    main()
