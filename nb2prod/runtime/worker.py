"""One serving process: uvicorn over a Bento's app on a unix socket; SIGTERM drains.

``python -m nb2prod.runtime.worker --bento FOLDER --uds SOCKET [--port N] [--name worker-1]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn

from nb2prod.errors import Failed, Nb2prodError
from nb2prod.runtime.settings import VARIABLE

log = logging.getLogger("nb2prod")

UNWATCHED_SECONDS = 1.5
WATCHED_SECONDS = 8.0
PROBES = 2
DRAIN_SECONDS = 30
BENTOML = ("/schema.json", "/static_content")
"""What its app answers beside our own routes."""


class Worker(uvicorn.Server):  # type: ignore[misc]
    """A server that, told to stop, first says 503 on `/readyz` and goes on answering until whoever watches has seen it."""

    def __init__(self, config: Any, front: Any) -> None:
        super().__init__(config)
        self._front = front
        self.should_exit = False
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not uvicorn's own: that raises the signal again at the end, so that a clean stop would not exit with 0.
        if self.should_exit:
            self.force_exit = True
        elif self._front.draining or sig == signal.SIGINT:
            self.should_exit = True
        else:
            log.info("stopping: no longer ready, answering what still comes")
            self._front.draining = True
            asyncio.get_running_loop().call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._draining = asyncio.ensure_future(self._seen())

    async def _seen(self) -> None:
        """Wait for two refused probes; without any, nobody watches and a moment is enough."""
        started = time.monotonic()
        while (waited := time.monotonic() - started) < WATCHED_SECONDS:
            if self._front.refused_ready >= PROBES or (not self._front.refused_ready and waited > UNWATCHED_SECONDS):
                break
            await asyncio.sleep(0.05)
        self.should_exit = True


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; 0 after a clean stop, 1 where the model or its settings are refused."""
    options = _options(arguments)
    _quiet()
    logging.basicConfig(
        format=f"%(asctime)s {options.name} %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr
    )
    for noisy in ("bentoml", "uvicorn.error", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        front = _front(Path(options.bento).absolute(), options.whole)
    except Exception as error:
        told = error if isinstance(error, Nb2prodError) else _broken(error)
        print(f"{told}\n{msgspec.json.encode({'error': told.as_dict()}).decode()}", file=sys.stderr)
        return 1
    _serve(front, options)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nb2prod-worker", description=__doc__)
    parser.add_argument("--bento", required=True, help="folder of the unpacked Bento")
    parser.add_argument("--uds", help="unix socket to answer on")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1 to answer on, instead of a socket")
    parser.add_argument("--name", default="worker-1", help="how the log calls this worker")
    parser.add_argument(
        "--whole", action="store_true", help="make BentoML's app at the start, not at its first request"
    )
    options = parser.parse_args(arguments)
    if not options.uds and options.port is None:
        parser.error("one of --uds and --port is needed")
    return options


def _quiet() -> None:
    """No usage tracking, and counters shared with the other workers where the target names a folder for them."""
    for name in ("BENTOML_DO_NOT_TRACK", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        os.environ[name] = "True" if name.startswith("BENTOML") else "true"
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        Path(folder).mkdir(parents=True, exist_ok=True)


def _front(bento: Path, whole: bool) -> Any:
    from nb2prod.runtime import assembly
    from nb2prod.runtime.later import Later

    log.info("loading %s, settings %s", bento.name, os.environ.get(VARIABLE, "none"))
    return assembly.front(_behind(bento) if whole else Later(lambda: _behind(bento), BENTOML))


def _behind(bento: Path) -> Any:
    """BentoML's app; importing it takes a second and tens of megabytes."""
    from nb2prod.runtime import service

    return service.load(bento).behind()


def _broken(error: Exception) -> Failed:
    log.error("the model does not load", exc_info=error)
    return Failed(
        "The service cannot load the model",
        code="not-loaded",
        where=traceback.extract_tb(error.__traceback__)[-1].filename,
        why=f"{type(error).__name__}: {error}",
        fix="%deploy model      (captures and proves it again)",
    )


def _serve(front: Any, options: argparse.Namespace) -> None:
    config = uvicorn.Config(
        front,
        uds=options.uds,
        host="127.0.0.1",
        port=options.port or 0,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=300,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    Worker(config, front).run()
    if options.uds:
        with contextlib.suppress(FileNotFoundError):
            Path(options.uds).unlink()


if __name__ == "__main__":
    sys.exit(main())
