"""A worker for tests of the target: answers with what its Bento folder's `answer` says, and misbehaves where that asks for it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn

METRICS = """
nb2prod_requests_total{route="/predict",status="200"} 98
nb2prod_requests_total{route="/predict",status="503"} 2
nb2prod_request_seconds_bucket{le="0.001"} 50
nb2prod_request_seconds_bucket{le="0.01"} 100
nb2prod_request_seconds_bucket{le="+Inf"} 100
"""


class App:
    def __init__(self, bento: Path) -> None:
        self.bento = bento
        self.answer = (bento / "answer").read_text()
        self.delay = float((bento / "delay").read_text()) if (bento / "delay").exists() else 0.0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while scope["method"] == "POST":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        service = json.loads(Path(os.environ["NB2PROD_SERVICE"]).read_bytes())
        reply: dict[str, Any] = {"answer": self.answer, "version": service["version"], "traffic": service["traffic"]}
        reply |= {"bytes": len(body), "pid": os.getpid(), "environment": sorted(os.environ)}
        if scope["path"] == "/predict":
            await asyncio.sleep(self.delay)
        if scope["path"] == "/metrics":
            await _reply(send, METRICS)
            return
        if scope["path"] == "/fill":
            print("x" * 1023, *(("x" * 1023,) * 1023), sep="\n", flush=True)
        await _reply(send, json.dumps(reply))


async def _reply(send: Any, text: str) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bento", type=Path)
    parser.add_argument("--uds")
    parser.add_argument("--name")
    arguments = parser.parse_args()
    print(f"{arguments.name} starts", flush=True)
    if (arguments.bento / "crash").exists():
        print((arguments.bento / "crash").read_text(), flush=True)
        sys.exit(3)
    uvicorn.run(App(arguments.bento), uds=arguments.uds, log_level="warning", lifespan="off")


main()
