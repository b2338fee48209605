"""What a proof needs, begun early: the clean environment while the model is asked, the Bento while the database is loaded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from nb2prod import environments, packaging
from nb2prod.capturing.settled import Settled, preloaded
from nb2prod.environments import Environment, ForkServer
from nb2prod.home import Home
from nb2prod.records.capture import Capture
from nb2prod.records.proof import BentoRef

Standing = tuple[Environment, ForkServer | None]


class Ahead:
    """Begins a proof's environment as soon as its lock is settled.

    Leaving it ends a fork server that nobody took. An environment in the making is finished in the background: it is kept by
    its lock, and the next try finds it.

    Parameters
    ----------
    home
        Where environments are kept.

    Examples
    --------
    ::

        with Ahead(home) as ahead:
            made = capture(model, home=home, ahead=ahead)
            environment, server = ahead.take(made)
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._settled: Settled | None = None
        self._standing: Future[Standing] = Future()
        self._over = threading.Lock()
        self._left = False

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *problem: object) -> None:
        with self._over:
            self._left = True
        if self._standing.done() and self._standing.exception() is None:
            _, server = self._standing.result()
            if server is not None:
                server.close()

    def __call__(self, settled: Settled) -> None:
        """Build the environment in a thread of its own."""
        self._settled = settled
        threading.Thread(target=self._build, args=(settled,), name="environment", daemon=True).start()

    def take(self, capture: Capture) -> Standing | None:
        """What stands for `capture`, waited for; None where nothing was begun for its lock.

        Raises
        ------
        Refused, Unverified, NoSpace
            As `environments.build`.
        """
        settled = self._settled
        if settled is None or settled.lock.key != capture.record.environment.lock:
            return None
        return self._standing.result()

    def _build(self, settled: Settled) -> None:
        try:
            with environments.in_use(self._home.cache):
                built = environments.build(settled.lock, self._home)
                with self._over:
                    server = None if self._left else preloaded(settled, built.python, self._home)
                    self._standing.set_result((built, server))
        except BaseException as error:
            self._standing.set_exception(error)


class Begun:
    """What was started while the model was captured; what was not is started when it is needed.

    Parameters
    ----------
    builder
        Has BentoML loaded.
    ahead
        Has begun an environment.
    """

    def __init__(self, builder: packaging.Builder | None = None, ahead: Ahead | None = None) -> None:
        self.ahead = ahead
        self._builder = builder
        self._packed: tuple[str, Future[BentoRef]] | None = None

    def packed(self, capture: Capture, home: Home) -> Future[BentoRef]:
        """The Bento of `capture`, in the making from the first call on."""
        if self._packed is None or self._packed[0] != capture.digest:
            pool = ThreadPoolExecutor(1, thread_name_prefix="bento")
            self._packed = capture.digest, pool.submit(packaging.build, capture, home=home, builder=self._builder)
            self._builder = None  # it builds one
            pool.shutdown(wait=False)
        return self._packed[1]

    def end(self) -> None:
        """Wait for a Bento in the making, before its builder is closed."""
        if self._packed is not None:
            self._packed[1].exception()


@contextlib.contextmanager
def begun(home: Home) -> Iterator[Begun]:
    """Have BentoML imported, and the environment built as soon as its lock is settled, for a capture that is to be proven."""
    with environments.in_use(home.cache), packaging.Builder(home) as builder, Ahead(home) as ahead:
        started = Begun(builder, ahead)
        try:
            yield started
        finally:
            started.end()
