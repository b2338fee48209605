"""`deploy`, the one line: what can be said to it, and its begin. What it needs is loaded while BentoML's builder starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nb2prod.home import Home
from nb2prod.records.alerts import SLO, Alert
from nb2prod.records.lifecycle import Plan, Progress, silent
from nb2prod.records.sampling import Sampling
from nb2prod.sdk.ahead import Begun, begun
from nb2prod.sdk.environment import values
from nb2prod.sdk.wish import Limits, Wish

if TYPE_CHECKING:
    from nb2prod.capturing.execution import Notebook
    from nb2prod.sdk.deployment import Deployment
    from nb2prod.sdk.steps import CaptureOptions

SPACE = 512 * 2**20


def deploy(
    model: Any = None,
    *,
    name: str | None = None,
    data: Any = None,
    labels: Any = None,
    holdout: Any = None,
    workers: int = 2,
    canary: float | None = None,
    exclude: Sequence[str] = (),
    env: Sequence[str] = (),
    allow_network: Sequence[str] = (),
    nullable: Sequence[str] = (),
    extra_columns: Literal["refuse", "ignore"] = "refuse",
    time: str | None = None,
    id: str | None = None,
    golden: Literal["sample", "synthetic", "none"] = "synthetic",
    tolerance: float = 0.0,
    strict: bool = False,
    relock: bool = False,
    wheel: Sequence[str | Path] = (),
    write_lock: bool = False,
    alerts: Iterable[Alert | str] | Alert | str | None = None,
    slo: SLO | None = None,
    maturation: str | None = None,
    sample: Sampling | float | None = None,
    sample_deny: Sequence[str] = (),
    allow_unverified: bool = False,
    dry_run: bool = False,
    notebook: Notebook | None = None,
    home: Home | None = None,
    progress: Progress = silent,
) -> Deployment | Plan:
    """One line takes a notebook model to a verified, monitored service.

    Parameters
    ----------
    model
        A fitted estimator or pipeline, a function ``predict(frame)``, a `Capture`, the name of a notebook variable, or
        ``"models:/NAME/VERSION"`` or ``"runs:/RUN/PATH"``, whoever logged it.
    name
        The deployment's name; default: the variable's.
    data, labels
        The training rows and their labels, or their names; default: those of the ``.fit(A, B)`` call in the notebook.
    holdout
        ``(X_test, y_test)``: rows the model has not seen, for reference scores and the hold-out metric.
    workers
        Serving processes.
    canary
        Begin beside the version that takes the traffic, with so many percent of the requests; `Deployment.promote` gives it all.
    exclude
        Globals to leave behind.
    env
        Environment variables that the service needs; values are read here and never stored with the model.
    allow_network
        Hosts that `predict` may reach.
    nullable
        Columns that may be null although training had none.
    extra_columns
        ``"refuse"`` or ``"ignore"`` columns that the model does not know.
    time, id
        The columns that hold a row's event time and the caller's own id.
    golden
        What stays of the proof's rows: ``"synthetic"``, ``"sample"`` (real rows) or ``"none"``.
    tolerance
        How far two answers of the model may lie apart; 0 asks for equality.
    strict
        Refuse where stale notebook state would only be warned of.
    relock
        Resolve the lock again although its inputs are known.
    wheel
        Wheel files of what no index has; they travel with the model.
    write_lock
        Write the proven versions into the notebook's file, as uv and juv read them; one that is open is to be reloaded from disk.
    alerts
        What to be told of: each an `Alert` or its text, ``"conversion below 0.03 over 7d"``. Their outcomes are what feedback may
        carry. None leaves those that there are.
    slo
        Service levels: ``SLO(p99_ms=50, availability=0.999)``.
    maturation
        How long a label waits for its prediction before it counts as unmatched: ``"30d"`` where nothing else is said.
    sample
        A share of the answered rows to keep, to look at with `deployment.sample`; a `Sampling` also says for how many days
        and bytes. Off unless it is asked for; 0 ends it.
    sample_deny
        Columns that are never kept.
    allow_unverified
        Deploy although the proof could not be run here.
    dry_run
        Show what would go; nothing is made.
    notebook
        Default: the notebook this runs in.
    home
        Default: the current one.
    progress
        Called with each step's line.

    Returns
    -------
    Deployment or Plan
        The handle to the live service; a `Plan` with `dry_run`.

    Raises
    ------
    UsageError
        No such variable, no data, more than one candidate, or a name, alert or service level that cannot be.
    Refused
        What was given is no model (a table, say), or the model, its code, its data or its answers are not fit to serve; what ran
        before goes on.
    Unverified
        The proof could not be run here.

    Examples
    --------
    >>> import nb2prod
    >>> deployment = nb2prod.deploy(model, name="delays", data=X_train)      # doctest: +SKIP
    >>> deployment.predict(X_test.head())                                    # doctest: +SKIP
    """
    home = home or Home()
    if canary is not None:
        from nb2prod.sdk.versions import percent_of

        canary = percent_of(canary, "--canary 10")
    home.require_space(SPACE, what="a capture, its environment and its service")
    options: CaptureOptions = {
        "name": name,
        "data": data,
        "labels": labels,
        "holdout": holdout,
        "notebook": notebook,
        "exclude": exclude,
        "env": env,
        "allow_network": allow_network,
        "nullable": nullable,
        "extra_columns": extra_columns,
        "time": time,
        "id": id,
        "golden": golden,
        "tolerance": tolerance,
        "strict": strict,
        "relock": relock,
        "wheel": wheel,
    }
    with nullcontext(Begun()) if dry_run else begun(home) as started:
        from nb2prod.sdk import steps  # a fifth of a second, beside the builder's start

        wanted = Limits.of(alerts, slo, maturation, Sampling.of(sample, sample_deny))
        wish = Wish(workers, allow_unverified, values(env), wanted, write_lock, canary)
        if dry_run:
            return steps.planned(model, options, home=home, progress=progress)
        return steps.deployed(model, options, wish, home=home, begun=started, progress=progress)
