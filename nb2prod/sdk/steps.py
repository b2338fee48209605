"""The steps as functions: capture, verify, register, package, deploy. Each shows what it made; one can stop after any."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from msgspec.structs import replace

from nb2prod import packaging, registry
from nb2prod.capturing.capture import capture as capture_model
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.records.capture import Capture
from nb2prod.records.lifecycle import Plan, Progress, silent
from nb2prod.records.proof import BentoRef, RegisteredVersion, Verification
from nb2prod.sdk import lockfile, proof
from nb2prod.sdk.ahead import Ahead, Begun, begun
from nb2prod.sdk.environment import values
from nb2prod.sdk.journal import Journal, captured
from nb2prod.sdk.plan import plan
from nb2prod.sdk.wish import Wish

if TYPE_CHECKING:
    from nb2prod.sdk.deployment import Deployment

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


def planned(model: Any, options: CaptureOptions, *, home: Home, progress: Progress = silent) -> Plan:
    """What `deploy` would do, from a capture that is taken away again where it is new."""
    options = {**options, "notebook": options.get("notebook") or running_notebook()}
    before = set(home.captures.iterdir()) if home.captures.is_dir() else set()
    made = _captured(model, options, home, Journal(progress))
    return plan(made, made=made.folder not in before)


def deployed(
    model: Any,
    options: CaptureOptions,
    wish: Wish,
    *,
    home: Home,
    begun: Begun,
    progress: Progress = silent,
) -> Deployment:
    """All steps joined, with what was begun for them."""
    journal = Journal(progress)
    options = {**options, "notebook": options.get("notebook") or running_notebook()}
    target = lockfile.target(options["notebook"]) if wish.write_lock else None
    made = _captured(model, options, home, journal, begun.ahead)
    begun.packed(made, home)
    from nb2prod.sdk import deploying  # database, target and all: more than half a second, while the Bento is built

    done = deploying.run(made, wish, home=home, journal=journal, begun=begun)
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
