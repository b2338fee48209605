"""What the front costs, beside a bare Starlette handler that checks nothing: requests a second, quantiles, CPU a request.

    python tests/benchmarks/serving.py [--requests 20000]

Both serve the same trivial model under uvicorn (uvloop, httptools) on a unix socket. Server CPU a request is the figure
that a busy machine disturbs least; ratios are against Starlette in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvloop

ROOT = Path(__file__).parents[2]
WIDTH = 14
BODY = json.dumps({"inputs": [[float(i) for i in range(WIDTH)]]}).encode()
REQUEST = (
    b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)


def model(matrix: Any) -> Any:
    """A model that costs nothing."""
    return matrix[:, 0]


def starlette() -> Any:
    """The least that a Starlette service does."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def predict(request: Request) -> JSONResponse:
        asked = await request.json()
        return JSONResponse({"predictions": model(np.array(asked["inputs"], float)).tolist()})

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def front(recording: bool) -> Any:
    """Our front over a capture of the same model."""
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    from runtime import captures

    from nb2prod.records.capture import Column, Output, Signature
    from nb2prod.runtime.front import Front
    from nb2prod.runtime.model import ServedModel
    from nb2prod.runtime.recorder import SpoolRecorder
    from nb2prod.runtime.settings import Settings

    columns = tuple(Column(name=f"x{i}", kind="number", dtype="float64") for i in range(WIDTH))
    signature = Signature(columns=columns, output=Output(kind="number", dtype="float64"), rows="array")
    training = np.random.default_rng(0).normal(size=(2000, WIDTH))
    folder = Path(tempfile.mkdtemp())
    served = ServedModel.load(captures.write(folder / "capture", model, signature, training=training))
    assert served.baseline is not None
    recorder = None
    if recording:
        spool = folder / "spool"
        recorder = SpoolRecorder(spool, name="bench", baseline=served.baseline, signature=signature)
    made = Front(lifespan_only, served, Settings(None, name="bench", tag="bench:1"), recorder=recorder)
    made.warm()
    return made


async def lifespan_only(scope: Any, receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def serve(kind: str, path: str) -> None:
    import uvicorn

    app = starlette() if kind == "starlette" else front(kind == "front, recording")
    uvicorn.run(app, uds=path, loop="uvloop", http="httptools", log_level="error", access_log=False, ws="none")


class Caller(asyncio.Protocol):
    """One connection that sends the next request when the answer to the last has come."""

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.left, self.done, self.times = count, done, []
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if not found or len(body) < length:
            return
        assert head.startswith(b"HTTP/1.1 200"), self.buffer
        self.times.append(time.perf_counter() - self.started)
        self.buffer = b""
        self.left -= 1
        if self.left:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)


async def load(to: str | int, requests: int, at_once: int) -> tuple[float, list[float]]:
    """Seconds in all, and those of each request, to a unix socket or a port of this machine."""
    loop = asyncio.get_running_loop()
    callers = []
    started = time.perf_counter()
    for _ in range(at_once):
        done = loop.create_future()

        def made(done: asyncio.Future[None] = done) -> Caller:
            return Caller(requests // at_once, done)

        if isinstance(to, int):
            _, caller = await loop.create_connection(made, "127.0.0.1", to)
        else:
            _, caller = await loop.create_unix_connection(made, to)
        callers.append(caller)
    await asyncio.gather(*(caller.done for caller in callers))
    return time.perf_counter() - started, [value for caller in callers for value in caller.times]


def measure(kind: str, requests: int) -> dict[int, tuple[float, float, float, float]]:
    path = tempfile.mktemp(suffix=".sock")
    server = subprocess.Popen([sys.executable, __file__, "--serve", kind, "--uds", path], cwd=ROOT)
    try:
        while not Path(path).exists():
            assert server.poll() is None
            time.sleep(0.05)
        uvloop.run(load(path, 2000, 4))
        said = {}
        for at_once in (1, 16):
            before = sum(psutil.Process(server.pid).cpu_times()[:2])
            seconds, times = uvloop.run(load(path, requests, at_once))
            cpu = sum(psutil.Process(server.pid).cpu_times()[:2]) - before
            p50, p99 = np.quantile(times, [0.5, 0.99])
            said[at_once] = (len(times) / seconds, p50 * 1e3, p99 * 1e3, cpu / len(times) * 1e6)
        return said
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--serve")
    parser.add_argument("--uds")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.uds)
        return
    kinds = ("starlette", "front", "front, recording")
    found = {kind: measure(kind, options.requests) for kind in kinds}
    print(f"{'':18} {'at once':>7} {'req/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'CPU µs':>7} {'ratio':>6}")
    for kind in kinds:
        for at_once, (rate, p50, p99, cpu) in found[kind].items():
            ratio = found["starlette"][at_once][3] / cpu
            print(f"{kind:18} {at_once:7} {rate:8.0f} {p50:7.2f} {p99:7.2f} {cpu:7.0f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
