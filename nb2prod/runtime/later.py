"""An ASGI app that is made at its first request: what a worker may never need costs neither its start nor its memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from nb2prod.runtime.front import App, Receive, Scope, Send


class Later:
    """Answers the lifespan itself; the first request makes the app and runs its startup, the shutdown ends it.

    Parameters
    ----------
    make
        Called once, in a thread.
    paths
        What its routes begin with; a request for any other is answered with a bare 404 and makes nothing.
    """

    def __init__(self, make: Callable[[], App], paths: tuple[str, ...]) -> None:
        self._make = make
        self._paths = paths
        self._app: App | None = None
        self._one = asyncio.Lock()
        self._told: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._said: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and not scope["path"].startswith(self._paths):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            app = await self._made()
            await app(scope, receive, send)

    async def _made(self) -> App:
        async with self._one:
            if self._app is None:
                app = await asyncio.to_thread(self._make)
                self._life = asyncio.create_task(self._its_life(app))
                await self._tell("lifespan.startup")
                self._app = app
            return self._app

    async def _its_life(self, app: App) -> None:
        """The app's own lifespan; one that has none ends at once."""
        with contextlib.suppress(Exception):
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self._told.get, self._said.put)
        await self._said.put({"type": "ended"})

    async def _tell(self, what: str) -> None:
        await self._told.put({"type": what})
        await self._said.get()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._life is not None and not self._life.done():
            await self._tell("lifespan.shutdown")
        await send({"type": "lifespan.shutdown.complete"})
