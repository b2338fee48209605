"""A service elsewhere that counts for itself, with its panes behind HTTP: shared by the tests of pulling."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from spooling import NOON, SIGNATURE, baseline

from nb2prod.records.capture import Answers
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.protocol import feedback
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import Rows

SELF = ServiceSettings(name="delays", version=1, traffic=True, counter="self")


class Elsewhere:
    """A service that counts for itself, with its panes behind HTTP."""

    def __init__(self, folder: Path, label: str = "delays/1", version: int | None = 1) -> None:
        self.label, self.version = label, version
        said = {"/readyz": lambda: (200, json.dumps({"status": "ready", "model": self.label}).encode())}
        self.recorder = SpoolRecorder(folder, name="delays", baseline=baseline(), signature=SIGNATURE, rotate=3600.0)
        self.count()
        route = feedback.spooled(self.recorder, lambda: SELF)["GET", "/monitoring/panes"]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scope = {"query_string": urlsplit(self.path).query.encode(), "nb2prod.request_id": "q"}
                if self.path in said:
                    status, body = said[self.path]()
                else:
                    status, _, body = asyncio.run(route(scope, b""))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def count(self) -> None:
        counter = Counter(self.recorder.spool)
        with counter.side.alone():
            counter.run()
        counter.close()

    def answer(self, minute: int, ages: np.ndarray, scores: np.ndarray) -> None:
        rows = Rows(len(ages), {"age": ages.tolist(), "town": ["Ulm", "Bonn"] * (len(ages) // 2)})
        said = Answers(
            predictions=tuple((scores >= 0.5).astype(int).tolist()),
            probabilities=tuple((1 - p, p) for p in scores.tolist()),
        )
        given: dict[str, Any] = {"request_id": f"r{minute}", "ids": None, "times": None, "version": self.version}
        self.recorder.record(rows, said, arrived=NOON + 60 * minute, **given)


@contextmanager
def elsewhere(folder: Path, label: str = "delays/1", version: int | None = 1) -> Iterator[Elsewhere]:
    one = Elsewhere(folder, label, version)
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        thread.join()
        one.server.server_close()
        one.recorder.close()
