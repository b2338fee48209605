"""The steps as functions: capture, verify, register, package, deploy. Each shows what it made; one can stop after any."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from msgspec.structs import replace

from nb2prod import packaging, registry
from nb2prod.capturing.capture import capture as capture_model
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.records.alerts import SLO, Alert
from nb2prod.records.capture import Capture
from nb2prod.records.lifecycle import Plan, Progress, silent
from nb2prod.records.proof import BentoRef, RegisteredVersion, Verification
from nb2prod.records.sampling import Sampling
from nb2prod.sdk import deploying, lockfile, proof
from nb2prod.sdk.ahead import Ahead, begun
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.environment import values
from nb2prod.sdk.journal import Journal, captured
from nb2prod.sdk.limits import Limits
from nb2prod.sdk.plan import plan

SPACE = 512 * 2**20
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


class CaptureOptions(TypedDict, total=False):
    """What `capture`, `deploy` and their notebook twins understand; `deploy` says what each means."""

    name: str | None
    data: Any
    labels: Any
    holdout: Any
    notebook: Notebook | None
    exclude: Sequence[str]
    env: Sequence[str]
    allow_network: Sequence[str]
    nullable: Sequence[str]
    extra_columns: Literal["refuse", "ignore"]
    time: str | None
    id: str | None
    golden: Literal["sample", "synthetic", "none"]
    tolerance: float
    strict: bool
    relock: bool
    wheel: Sequence[str | Path]


def capture(model: Any, *, home: Home | None = None, **options: Unpack[CaptureOptions]) -> Capture:
    """Capture a model with all that its answers depend on.

    Parameters
    ----------
    model
        A fitted estimator or pipeline, a function ``predict(frame)``, or the name of a variable in the notebook.
    home
        Default: the current one.
    **options
        As in `deploy`: `name`, `data`, `labels`, `holdout`, `exclude`, `env`, `allow_network`, `nullable`,
        `extra_columns`, `time`, `id`, `golden`, `tolerance`, `strict`, `relock`, `wheel`, `notebook`.

    Returns
    -------
    Capture
        A folder with model, local code, lock, signature, baseline, golden rows, lineage, findings and a manifest.

    Raises
    ------
    UsageError
        No such variable, no data, or more than one candidate.
    Refused
        What was given is no model (a table, say), is not fitted, or holds what cannot travel.
    Unverified
        The lock could not be resolved here.
    """
    home = home or Home()
    options.setdefault("notebook", running_notebook())
    if registry.is_uri(model):
        model, options = _of_registry(model, options, home)
    return model if isinstance(model, Capture) else capture_model(model, home=home, **options)


def verify(capture: Capture, *, home: Home | None = None, progress: Progress = silent) -> Verification:
    """Prove a capture: a clean environment, then the packaged service, must give the kernel's own answers.

    Parameters
    ----------
    capture
        What `capture` returned, or a capture that was fetched from a registry.
    progress
        Called with each step's line.

    Returns
    -------
    Verification
        ``status`` is ``verified``, ``refused`` or ``unverified``; never raises for a proof that fails.
    """
    journal = Journal(progress)
    with journal.step("Verify", "building a clean environment and replaying the golden rows in it"):
        return proof.prove(capture, home=home or Home(), variables=values(capture.record.environment.variables))


def checked(
    model: Any, *, home: Home, progress: Progress = silent, **options: Unpack[CaptureOptions]
) -> tuple[Capture, Verification]:
    """`capture` and `verify` as one: what the proof needs is begun while the model is captured."""
    journal = Journal(progress)
    options.setdefault("notebook", running_notebook())
    with begun(home) as started:
        made = _captured(model, options, home, journal, started.ahead)
        with journal.step("Verify", "building a clean environment and replaying the golden rows in it"):
            given = values(made.record.environment.variables)
            return made, proof.prove(made, home=home, begun=started, variables=given)


def register(capture: Capture, verification: Verification, *, home: Home | None = None) -> RegisteredVersion:
    """Record a capture as an ordinary MLflow model version; what is refused is never registered.

    Raises
    ------
    Refused
        The verification is of another capture, or is not `verified` or `unverified`.
    Unavailable
        The registry does not answer.
    """
    if verification.status == "refused" or verification.capture != capture.digest:
        raise Refused(
            f"`{capture.name}` is not registered",
            code="not-verified",
            where="nb2prod.register",
            why=verification.reason or "The verification is of another capture.",
            fix=verification.fix or "nb2prod.register(capture, nb2prod.verify(capture))",
            kept="nothing was registered",
        )
    return registry.register(capture, verification, home=home or Home())


def package(of: Capture | RegisteredVersion, *, home: Home | None = None) -> BentoRef:
    """The ordinary Bento of a capture or a registered version; built once, returned ever after."""
    home = home or Home()
    if isinstance(of, RegisteredVersion):
        of = registry.fetch(of.name, of.version, home=home)
    return packaging.build(of, home=home)


def deploy(
    model: Any = None,
    *,
    name: str | None = None,
    data: Any = None,
    labels: Any = None,
    holdout: Any = None,
    workers: int = 2,
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
    home.require_space(SPACE, what="a capture, its environment and its service")
    limits = Limits.of(alerts, slo, maturation, Sampling.of(sample, sample_deny))
    wish = deploying.Wish(workers=workers, allow_unverified=allow_unverified, variables=values(env), limits=limits)
    journal = Journal(progress)
    options: CaptureOptions = {
        "name": name,
        "data": data,
        "labels": labels,
        "holdout": holdout,
        "notebook": notebook or running_notebook(),
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
    target = lockfile.target(options["notebook"]) if write_lock else None
    if dry_run:
        before = set(home.captures.iterdir()) if home.captures.is_dir() else set()
        made = _captured(model, options, home, journal)
        return plan(made, made=made.folder not in before)
    with begun(home) as started:
        made = _captured(model, options, home, journal, started.ahead)
        done = deploying.run(made, wish, home=home, journal=journal, begun=started)
    if target is not None and done.outcome is not None:
        written = lockfile.write(made, target)
        done.outcome = replace(done.outcome, notes=(*done.outcome.notes, written))
    return done


def _captured(model: Any, options: CaptureOptions, home: Home, journal: Journal, ahead: Ahead | None = None) -> Capture:
    with journal.step("Capture", "reading the model, its code, its environment and its data") as line:
        if registry.is_uri(model):
            model, options = _of_registry(model, options, home)
        made = model if isinstance(model, Capture) else capture_model(model, home=home, ahead=ahead, **options)
        line.found(captured(made.record))
        return made


def _of_registry(uri: str, options: CaptureOptions, home: Home) -> tuple[Any, CaptureOptions]:
    """A capture that nb2prod registered, or the live model of another's version, named as it is registered."""
    known = registry.captured(uri, home)
    if known is not None:
        return registry.fetch(*known, home=home), options
    name = options.get("name") or registry.suggested_name(uri)
    if name is None:
        raise registry.unnamed(uri)
    return registry.load(uri, home), {**options, "name": name}


def running_notebook() -> Notebook | None:
    """The notebook of the IPython shell that this runs in; None outside of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return Notebook.from_ipython(shell) if shell is not None else None
