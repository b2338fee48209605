"""Which version answers: a canary beside the champion, its promotion, and the way back."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from nb2prod import registry
from nb2prod.errors import Conflict, NotFound, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.records.lifecycle import Outcome, Progress, silent
from nb2prod.sdk import limits, stopped
from nb2prod.store.deployments import RunRow
from nb2prod.targets.local import LocalTarget

LOCK_SECONDS = 900.0
PERCENT = 10.0


class Versions:
    """The part of a deployment's handle that is about its versions."""

    name: str
    home: Home
    outcome: Outcome | None

    def canary(
        self,
        version: int | None = None,
        percent: float | None = None,
        *,
        allow_unverified: bool = False,
        progress: Progress = silent,
    ) -> Self:
        """Let a registered version answer a share of the requests beside the one that takes the traffic.

        It is proven and started as in a deploy before the first request comes to it. Whoever asks with the same key (the header
        ``X-NB2PROD-Key``, else the request's first id) gets the same version for as long as the share stays, and a share that
        grows keeps those that it has. Where the canary does not answer, the other version does. A version that a rule stopped or
        rolled back from in the last seven days begins with a warning.

        Parameters
        ----------
        version
            A registered version; default: the one that is the canary already.
        percent
            Its share of the requests, over 0 and up to 100; default 10. Of a canary that runs the share alone is changed, from
            the next request on. 0 ends it.
        allow_unverified
            Begin although the proof could not be run here.
        progress
            Called with each step's line.

        Returns
        -------
        Deployment
            This handle.

        Raises
        ------
        UsageError
            That is no share, or no version was named and there is no canary.
        Conflict
            The version takes the traffic already.
        NotFound
            There is no such version; with ``percent=0``, no canary.
        Refused
            The version does not answer as it was captured; nothing has changed then.

        Examples
        --------
        >>> deployment.canary(4, percent=10)       # doctest: +SKIP
        >>> deployment.canary(percent=50)          # doctest: +SKIP
        >>> deployment.promote()                   # doctest: +SKIP
        """
        if percent == 0:
            end_canary(self.home, self.name)
            return self
        line = f"nb2prod canary {self.name} {'VERSION' if version is None else version} --percent {PERCENT:g}"
        share = percent_of(percent if percent is not None else PERCENT, line)
        store = LocalTarget(self.home).store
        champion, running = store.get(self.name).version, store.canary(self.name)
        version = running.version if version is None and running is not None else version
        if version is None:
            raise _which(self.name, champion, self.home)
        if version == champion:
            raise _is_champion(self.name, version)
        if running is not None and running.version == version:
            if percent is not None or allow_unverified:
                change_share(self.home, self.name, share)
            return self
        stopped.warn(self.home, self.name, version)
        self.outcome = _begin(self.home, self.name, version, share, allow_unverified, progress)
        return self

    @property
    def last_canary(self) -> stopped.EndedCanary | None:
        """The canary that ended last, when, and by which rule; None where there was none."""
        return stopped.last_canary(self.home, self.name)

    def promote(self) -> int:
        """Give the canary all of the traffic, without a gap; the version that has it now.

        Raises
        ------
        NotFound
            There is no canary.
        Failed
            It does not run; the other version goes on answering.
        """
        with self.home.lock(f"deploy-{self.name}", timeout=LOCK_SECONDS):
            beside = LocalTarget(self.home).store.canary(self.name)
            if beside is not None:
                stopped.warn(self.home, self.name, beside.version)
            return promote(self.home, self.name)

    def rollback(self, version: int | None = None) -> int:
        """Send the traffic back to the version before, or to an older one; the version that takes it now.

        While there is a canary it is the last change, and that alone is taken back: it ends, the other version goes on, and a
        warning says so. With a `version` the traffic goes there and the canary ends too.

        Raises
        ------
        NotFound
            There is no older version that took traffic here.
        """
        with self.home.lock(f"deploy-{self.name}", timeout=LOCK_SECONDS):
            if version is None and LocalTarget(self.home).store.canary(self.name) is not None:
                return _back_from_canary(self.home, self.name)
            return roll_back(self.home, self.name, version)


def _begin(
    home: Home, name: str, version: int, share: float, allow_unverified: bool, progress: Progress
) -> Outcome | None:
    from nb2prod.sdk import deploying
    from nb2prod.sdk.environment import known
    from nb2prod.sdk.journal import Journal
    from nb2prod.sdk.wish import Wish

    live = require_champion(home, name)
    try:
        capture = registry.fetch(name, version, home=home)
    except NotFound as error:
        if error.code == "no-such-version":  # the registry's own fix would deploy one, with all of the traffic
            error.fix, error.kept = _another(name, live.version, share, home), "nothing was changed"
        raise
    variables = known(home, name, capture.record.environment.variables)
    workers = LocalTarget(home).store.get(name).workers
    wish = Wish(workers, allow_unverified, variables, canary=share)
    return deploying.run(capture, wish, home=home, journal=Journal(progress)).outcome


def require_champion(home: Home, name: str) -> RunRow:
    """The run beside which a canary can begin.

    Raises
    ------
    Unavailable
        Nothing takes the traffic.
    Conflict
        What takes it was deployed by an nb2prod whose services know no canary.
    """
    store = LocalTarget(home).store
    deployment = store.find(name)
    live = store.live(name) if deployment is not None else None
    if deployment is None or live is None or deployment.desired != "running":
        raise Unavailable(
            f"`{name}` has no version beside which a canary could begin",
            code="no-champion",
            where=name,
            why="Nothing takes its traffic now." if deployment is None or live is None else "It is stopped.",
            fix=f"nb2prod start {name}" if live is not None else f"%deploy model --name {name}",
            kept="nothing was changed",
        )
    shipped = Path(live.bento) / "src" / "nb2prod" / "runtime"
    if shipped.is_dir() and not (shipped / "canary.py").exists():
        raise Conflict(
            f"Version {live.version} of `{name}` cannot send a share on",
            code="no-canary-here",
            where=name,
            why="It was deployed by an older nb2prod, whose services know no canary.",
            fix=f"%deploy model --name {name}      # a version of today takes the traffic; then a canary beside it",
            kept="nothing was changed",
        )
    return live


def percent_of(percent: float, fix: str) -> float:
    """A share as a number over 0 and up to 100.

    Raises
    ------
    UsageError
        It is none.

    Examples
    --------
    >>> percent_of(12.5, "--canary 10")
    12.5
    """
    known = isinstance(percent, int | float) and not isinstance(percent, bool) and math.isfinite(percent)
    if known and 0 < percent <= 100:
        return float(percent)
    raise UsageError(
        f"{percent!r} is no share of the requests",
        code="wrong-percent",
        where="percent",
        why="A canary answers more than 0 and at most 100 percent; 0 ends it.",
        fix=fix,
        kept="nothing was changed",
    )


def change_share(home: Home, name: str, percent: float) -> None:
    """Give the canary another share."""
    with home.lock(f"deploy-{name}", timeout=LOCK_SECONDS):
        target = LocalTarget(home)
        if target.store.canary(name) is None:
            raise _no_canary(name)
        target.canary.share(name, percent)


def end_canary(home: Home, name: str, version: int | None = None) -> int:
    """End the canary, or that of a version only; the version that it was of.

    Raises
    ------
    NotFound
        There is none.
    """
    with home.lock(f"deploy-{name}", timeout=LOCK_SECONDS):
        target = LocalTarget(home)
        target.store.get(name)
        running = target.store.canary(name)
        if running is None or running.version is None or version not in (None, running.version):
            raise _no_canary(name)
        target.canary.end(name)
        return running.version


def promote(home: Home, name: str) -> int:
    """As `Versions.promote`; whoever calls holds the deployment's lock."""
    target = LocalTarget(home)
    live = target.store.get(name)
    target.discard(name)
    running = target.store.canary(name)
    if running is None or running.version is None:
        raise _no_canary(name)
    target.store.change_run(name, running.run, workers=live.workers)
    with to_the_end():
        switching(home, name).touch()
        target.switch(name, running.version)
        crown(home, name, running.version)
        target.store.note(name, "promote", version=running.version, replaced=live.version)
        limits.tell(home, name)
    return running.version


def roll_back(home: Home, name: str, version: int | None = None) -> int:
    """Send the traffic to an older version, and end a canary; whoever calls holds the deployment's lock."""
    target = LocalTarget(home)
    store = target.store
    live = store.get(name).version
    wanted = version if version is not None else store.before(name, live)
    if wanted is None:
        raise _nothing(name, live)
    if wanted == live:
        raise Conflict(
            f"`{name}` is at version {wanted} already",
            code="already-live",
            where=name,
            fix=f"nb2prod status {name}",
            kept="nothing was changed",
        )
    target.discard(name)  # of a deploy that was killed; it would be taken for the version that is wanted
    target.switch(name, wanted)
    registry.set_champion(name, wanted, home=home)
    store.note(name, "rollback", version=wanted, replaced=live)
    limits.tell(home, name)
    return wanted


def _back_from_canary(home: Home, name: str) -> int:
    target = LocalTarget(home)
    champion, ended = target.store.get(name).version, target.canary.end(name)
    assert champion is not None
    said = f"{name}: the canary of version {ended} ended; version {champion} answers everything, as before"
    warnings.warn(said, stacklevel=3)
    return champion


def switching(home: Home, name: str) -> Path:
    """There while traffic may have gone to a version that `@champion` does not name yet."""
    return home.deployment(name) / "switching"


def crown(home: Home, name: str, version: int) -> None:
    """Let `@champion` follow the traffic."""
    registry.set_champion(name, version, home=home)
    switching(home, name).unlink(missing_ok=True)


@contextlib.contextmanager
def to_the_end() -> Iterator[None]:
    """An interruption comes too late here: traffic, registry and limits change together, within a second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which what is started here would inherit
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


def _which(name: str, champion: int | None, home: Home) -> UsageError:
    known = [one.version for one in registry.versions(name, home) if one.version != champion]
    back = {one: said for one in known if (said := stopped.stopped_lately(home, name, one))}
    offered = next((one for one in known if one not in back), None)
    noted = "".join(f" {said[0].upper()}{said[1:]}." for said in back.values())
    return UsageError(
        "Which version is to be the canary?",
        code="no-version",
        where=name,
        why=f"Registered beside version {champion} are {', '.join(map(str, known))}.{noted}"
        if known
        else f"No version beside {champion} is registered: nb2prod.register makes one that takes no traffic.",
        fix=f"nb2prod canary {name} {'VERSION' if offered is None else offered} --percent {PERCENT:g}",
        kept="nothing was changed",
    )


def _another(name: str, champion: int | None, share: float, home: Home) -> str:
    """The line for a version that can be the canary; where none is registered beside the champion, the one that makes one."""
    known = [one.version for one in registry.versions(name, home) if one.version != champion]
    if not known:
        return f"%deploy model --name {name} --canary {share:g}"
    return f'nb2prod.get("{name}").canary({known[0]}, percent={share:g})'


def _is_champion(name: str, version: int) -> Conflict:
    return Conflict(
        f"Version {version} of `{name}` takes the traffic already",
        code="already-live",
        where=name,
        why="A canary is another version beside it.",
        fix=f"nb2prod status {name}",
        kept="nothing was changed",
    )


def _no_canary(name: str) -> NotFound:
    return NotFound(
        f"`{name}` has no canary",
        code="no-canary",
        where=name,
        why="One version answers everything.",
        fix=f"nb2prod canary {name} VERSION --percent {PERCENT:g}",
        kept="nothing was changed",
    )


def _nothing(name: str, live: int | None) -> NotFound:
    return NotFound(
        f"`{name}` has nothing to go back to",
        code="no-run",
        where=name,
        why=f"No version before {live} took traffic here without being rolled back from."
        if live
        else "Nothing has taken traffic yet.",
        fix=f"%deploy models:/{name}/VERSION",
        kept="the version that takes traffic goes on" if live else None,
    )
