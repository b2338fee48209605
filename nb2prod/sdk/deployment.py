"""The handle to a deployment: what `deploy` returns and `get` finds."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nb2prod import monitoring, packaging, registry
from nb2prod.errors import Nb2prodError, Unavailable
from nb2prod.home import Home
from nb2prod.lifecycle import services
from nb2prod.lifecycle.upkeep import removal
from nb2prod.monitoring import standing
from nb2prod.records.capture import Capture, Signature
from nb2prod.records.lifecycle import Outcome
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.serving import ServiceStatus
from nb2prod.runtime import wire
from nb2prod.sdk import card
from nb2prod.sdk.alerting import Alerting
from nb2prod.sdk.answers import as_in_kernel
from nb2prod.sdk.client import Client
from nb2prod.sdk.versions import Versions
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget

if TYPE_CHECKING:
    import pandas as pd

    from nb2prod.monitoring.report import Page

FEEDBACK_BATCH = 1000


class Deployment(Versions, Alerting):
    """A deployment by name, whatever version of it is live.

    Parameters
    ----------
    name
        The deployment's name.
    home
        The home that owns it; default: the current one.
    outcome
        What the deploy that returned this handle did; None on a handle that was found.

    Examples
    --------
    >>> import nb2prod
    >>> [one.name for one in nb2prod.deployments()]
    []
    """

    def __init__(self, name: str, *, home: Home | None = None, outcome: Outcome | None = None) -> None:
        self.name = name
        self.home = home or Home()
        self.outcome = outcome

    @cached_property
    def _target(self) -> LocalTarget:
        return LocalTarget(self.home)

    @cached_property
    def _store(self) -> Store:
        return Store(self.home)

    @property
    def version(self) -> int | None:
        """The version that takes traffic; None while none does."""
        return self.status().version

    @property
    def url(self) -> str | None:
        """Where the service answers."""
        return self.status().url

    def status(self) -> ServiceStatus:
        """State, workers, requests and latencies, as `nb2prod status` prints them."""
        return self.with_labels(self._target.status(self.name))

    def with_labels(self, status: ServiceStatus) -> ServiceStatus:
        """The status with the labels that wait now, and the alerts that stand."""
        waiting, unmatched = self._store.labels.unjoined(self.name)
        told = (one for one in self.alerts(open=True) if one.severity == "page")
        pages = tuple(standing.titled(one, status.version) for one in told)
        return msgspec.structs.replace(status, labels_waiting=waiting, labels_unmatched=unmatched, alerts=pages)

    def predict(self, data: Any, *, ids: Sequence[Any] | None = None, times: Sequence[Any] | None = None) -> Any:
        """Ask the live service, as any caller does: the rows are recorded and watched.

        Parameters
        ----------
        data
            A DataFrame, an array of shape (rows, columns), or texts (a list, a Series, a frame of this one column), as the model
            takes them.
        ids
            One id a row, by which feedback finds it later.
        times
            One event time a row, RFC 3339 or datetime; default: now.

        Returns
        -------
        object
            What the kernel's model returns: an array, a Series with the frame's index, a DataFrame or a list.
        """
        signature = self.signature
        rows = wire.rows_to_wire(data, signature)
        fields = {key: list(value) for key, value in (("ids", ids), ("times", times)) if value is not None}
        with self._client() as client:
            return as_in_kernel(client.predict(rows, **fields), signature, asked=data)

    def feedback(
        self,
        items: Sequence[dict[str, Any]] | None = None,
        *,
        id: Any = None,
        request_id: str | None = None,
        row: int = 0,
        label: Any = msgspec.UNSET,
        outcomes: dict[str, float] | None = None,
        time: Any = None,
    ) -> dict[str, Any]:
        """Tell what became of a prediction; late, twice and out of order are all right.

        Parameters
        ----------
        items
            Many at once, each a dict with the keys below.
        id, request_id, row
            The caller's own id of the row, or the request's id and the row's place in it.
        label
            The true label.
        outcomes
            Business outcomes, numbers by name.
        time
            When the label became known.

        Returns
        -------
        dict
            How many were accepted, and each refused item with its place and reason.

        Raises
        ------
        InputError
            One item was given, and it is refused.
        """
        one = {"id": id, "request_id": request_id, "row": row, "label": label, "outcomes": outcomes or {}, "time": time}
        todo = (
            list(items) if items is not None else [{k: v for k, v in one.items() if v not in (None, {}, msgspec.UNSET)}]
        )
        total: dict[str, Any] = {"accepted": 0, "refused": []}
        with self._client() as client:
            if items is None:
                reply = client.post("/feedback", todo[0])
                return {key: reply[key] for key in total}
            for start in range(0, len(todo), FEEDBACK_BATCH):
                reply = client.feedback(todo[start : start + FEEDBACK_BATCH])
                total["accepted"] += reply["accepted"]
                total["refused"] += [_placed(bad, start) for bad in reply["refused"]]
        return total

    def drift(self, by: str | None = None, *, version: int | None = None) -> list[FeatureDrift]:
        """How far each feature stands from training, over all or by ``"month"``, ``"week"`` or ``"day"`` of event time.

        Of the version that takes the traffic, or of another one, such as a canary.
        """
        self._counted()
        return monitoring.drift(self._store, self.name, by, version=version)

    def performance(
        self, metric: str | None = None, by: str | None = None, *, version: int | None = None
    ) -> list[Performance]:
        """What labels say, and what scores predict, over all or by period of event time; of a version as in `drift`."""
        self._counted()
        return monitoring.performance(self._store, self.name, metric, by, version=version)

    def report(self, feature: str | None = None, *, version: int | None = None) -> Page:
        """Is it up, is it right, does it pay: all that is known, to look at.

        It shows itself in a notebook; `.save("report.html")` writes one file that reads anywhere, `.text()` is for a terminal.

        Parameters
        ----------
        feature
            One column alone, a score (``"@score"``) included.
        version
            Of another version than the one that takes the traffic, such as a canary.
        """
        from nb2prod.monitoring.report import Page, of_deployment

        self._counted()
        return Page(of_deployment(self._store, self.name, status=self.status(), feature=feature, version=version))

    def sample(self, n: int = 100, where: Literal["all", "alarm"] = "all", *, seed: int = 0) -> pd.DataFrame:
        """Answered rows that were kept, where a deploy asked for it: ``deploy(…, sample=0.01)``.

        Parameters
        ----------
        n
            At most so many rows.
        where
            ``"all"`` draws evenly from what is kept; ``"alarm"`` takes as many for each open alarm: of a drift those around the
            moment at which it began, as many before as after, of a limit those before it was told.
        seed
            The same seed draws the same rows.

        Returns
        -------
        pandas.DataFrame
            The model's columns without denied ones, and ``@prediction``, ``@score``, ``@version``, ``@request_id``, ``@row``;
            the index is when a row happened (UTC).

        Raises
        ------
        UsageError
            No rows are kept.
        """
        from nb2prod.sdk import sampled

        self._counted()
        return sampled.sample(self.home, self._store, self.name, n, where, seed)

    def logs(self, n: int = 50, *, follow: bool = False, version: int | None = None) -> Iterable[str]:
        """The last `n` lines of the workers' logs; with `follow` also those to come; of another `version`, such as a canary."""
        lines = self._target.logs(self.name, n, follow, version)
        return lines if follow else LogLines(lines)

    def stop(self) -> None:
        """Stop the service; everything is kept, `start` brings it back."""
        self._target.stop(self.name)

    def start(self) -> None:
        """Start a stopped service again, at the version that it had.

        A Bento that was damaged since is built again, which a warning and the log say.
        """
        wrong = None
        with contextlib.suppress(Nb2prodError, OSError):  # what is wrong then the start itself tells
            wrong = packaging.mend(self._capture, home=self.home)
        if wrong:
            said = f"The Bento was damaged: {wrong}. It was built again from the capture."
            self._noted(said)
            warnings.warn(f"{self.name}: {said}", stacklevel=2)
        self._target.start(self.name)

    def _noted(self, line: str) -> None:
        live = self._target.store.live(self.name)
        with contextlib.suppress(OSError):  # a log that is gone or full keeps nobody from starting
            if live is not None:
                self._target.processes.run(live).note(line)

    def remove(self, *, purge: bool = False) -> None:
        """Take the deployment away; with `purge` its registered versions too."""
        removal.remove(self.home, self.name, purge=purge)

    def _counted(self) -> None:
        """Have the spool counted first, and what serves the model elsewhere pulled, or say how old the answer is."""
        for why in services.pull(self.name, self.home, self._store):
            warnings.warn(why, stacklevel=3)
        fresh = monitoring.count_spool(self.home, self.name)
        if not fresh.complete:
            age = "an unknown time" if fresh.seconds is None else f"{fresh.seconds:.0f} s"
            warnings.warn(f"{self.name}: not everything is counted yet; the answer is {age} old", stacklevel=3)

    @property
    def signature(self) -> Signature:
        """The contract of the version that takes traffic: its columns, and what it answers."""
        return self._capture.record.signature

    @property
    def _capture(self) -> Capture:
        live = self._store.deployments.live(self.name)
        if live is None:
            raise self._not_live()
        return registry.open_capture(self.home.captures / live.capture[:12])

    def _client(self) -> Client:
        status = self.status()
        if status.url is None or status.state in ("stopped", "failed"):  # its port may be another's by now
            raise self._not_live()
        return Client(status.url)

    def _not_live(self) -> Unavailable:
        status = self.status()
        return Unavailable(
            f"`{self.name}` does not take requests",
            code="not-live",
            where=self.name,
            why=status.reason or f"It is {status.state}.",
            fix=status.fix or f"nb2prod start {self.name}",
        )

    def __repr__(self) -> str:
        told = [repr(self.name), *(f"{key}={value!r}" for key, value in self._known().items())]
        return f"{type(self).__name__}({', '.join(told)})"

    def _known(self) -> dict[str, Any]:
        """The version that should take traffic and where, as the home's own file has it: nobody is asked."""
        with contextlib.suppress(Nb2prodError, OSError):  # a handle is shown even where its home is broken
            if not self._store.database.sqlite:  # a server, which may be slow or gone
                return {"version": self.outcome.version, "url": self.outcome.url} if self.outcome else {}
            row = self._store.deployments.find(self.name)
            if row is not None and row.version is not None and row.desired == "running":
                return {"version": row.version, "url": self._target.url(self.name)}
        return {}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return card.in_cell(card.deployment(self.status())).bundle()


def _placed(bad: dict[str, Any], start: int) -> dict[str, Any]:
    """A refused item of a later batch, by its place among all."""
    place, of_all = bad["item"], bad["item"] + start
    said: dict[str, Any] = {
        key: bad[key].replace(f"tem {place}", f"tem {of_all}", 1) for key in ("title", "where") if key in bad
    }
    pointer = bad.get("pointer", "").replace(f"/{place}", f"/{of_all}", 1)
    return {**bad, **said, "item": of_all, "pointer": pointer}


class LogLines(list[str]):
    """Lines of a log; in a notebook they read as text."""

    def __repr__(self) -> str:
        return "\n".join(self)
