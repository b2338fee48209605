"""Live objects to a capture folder: found, asked, described, written whole or not at all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from nb2prod import environments
from nb2prod.baseline import Baseline
from nb2prod.capturing import (
    answering,
    dependencies,
    discovery,
    folders,
    golden,
    remembering,
    rules,
    scores,
    signing,
    threads,
)
from nb2prod.capturing.dependencies import Needed
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.execution import Notebook, excluded
from nb2prod.capturing.folders import RECORD, open_capture
from nb2prod.capturing.identity import digest as answers_digest
from nb2prod.capturing.identity import identical
from nb2prod.capturing.lineage import lineage
from nb2prod.capturing.rules import secrets
from nb2prod.capturing.rules.batches import BatchDependent
from nb2prod.capturing.rules.training_rows import TrainingRows
from nb2prod.capturing.settled import Hook, Settled, libraries
from nb2prod.capturing.signature import signature as read_signature
from nb2prod.capturing.surroundings import environment
from nb2prod.environments import Lock
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.records.base import to_json
from nb2prod.records.capture import Capture, CaptureRecord, Environment, Finding, FlavorRecord, Golden, Signature
from nb2prod.runtime import flavors, manifest, sparse

__all__ = ["GOLDEN", "RECORD", "Asked", "Declared", "Stays", "capture", "excluded", "identical", "open_capture"]

Stays = Literal["sample", "synthetic", "none"]

GOLDEN = "golden/golden.json"

_SEEN = 64  # rows whose answers tell what the model answers


@dataclass(frozen=True)
class Asked:
    """What the kernel said: the contract, the training data as counts, the real rows and those that stay."""

    signature: Signature
    baseline: Baseline
    real: Golden
    stays: Golden
    holdout: Any
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Declared:
    """What the caller said of the model's surroundings."""

    exclude: Sequence[str] = ()
    env: Sequence[str] = ()
    allow_network: Sequence[str] = ()
    relock: bool = False
    wheels: tuple[Path, ...] = ()


def capture(
    model: Any,
    *,
    home: Home,
    name: str | None = None,
    data: Any = None,
    labels: Any = None,
    holdout: Any = None,
    notebook: Notebook | None = None,
    exclude: Sequence[str] = (),
    env: Sequence[str] = (),
    allow_network: Sequence[str] = (),
    nullable: Sequence[str] = (),
    extra_columns: str = "refuse",
    time: str | None = None,
    id: str | None = None,
    golden: Stays = "synthetic",
    tolerance: float = 0.0,
    strict: bool = False,
    relock: bool = False,
    wheel: Sequence[str | Path] = (),
    ahead: Hook | None = None,
) -> Capture:
    """Capture a live model: everything that its service needs, and the kernel's own answers to compare it with.

    Parameters
    ----------
    model
        A fitted model, a function ``predict(frame)``, or the name of a variable of `notebook`.
    data, labels, holdout
        Values or names; None where the notebook is to tell.
    golden
        Which rows stay in the capture: drawn from the baseline, real ones, none.
    tolerance
        How far scores may differ, for a model that does not answer alike twice.
    wheel
        Wheel files of distributions that no index has; they travel with the model.
    ahead
        Told what is settled before the capture is whole, so that its environment can be built meanwhile.

    Returns
    -------
    Capture
        Its folder is whole. An identical capture that is already in `home` is returned instead of a second one.

    Raises
    ------
    UsageError, Refused
        With where, why, fix; nothing was written.
    """
    notebook = notebook or Notebook()
    wheels = environments.given_wheels(wheel)
    found = _ordered(discovery.find(model, notebook, name=name, data=data, labels=labels, holdout=holdout))
    flavor = flavors.of(found.model)
    case = rules.Case(found, notebook, flavor, variables=env, hosts=allow_network, exclude=exclude)
    findings = rules.look(case, strict=strict)
    rules.refuse(findings)
    contract = {"nullable": nullable, "extra_columns": extra_columns, "time": time, "id": id}
    declared = Declared(exclude, env, allow_network, relock, wheels)
    home.require_space(2**26, what=f"the capture of {found.name}")
    in_use = environments.in_use(home.cache)
    with in_use, excluded(notebook.namespace, exclude), folders.making(home) as folder:
        saved = _saved(case, folder / "model")
        said = [*TrainingRows().saved(saved, case.shown)]
        needed = _needed(folder, found, notebook, declared, home)
        with _Locking(folder, needed, notebook, declared, home, ahead) as locking, remembering.refused(case, tolerance):
            asked = _ask(found, flavor, contract, golden, tolerance)
            surroundings = environment(folder, needed, locking.result(), home, variables=env, hosts=allow_network)
        said += BatchDependent().asked(asked.real, case.shown)
        record = _write(folder, case, asked, saved, needed, surroundings)
        later = rules.accepted(said, (source for _, source in notebook.executed))
        told = (*findings, *later, *asked.findings, *record.findings)
        record = msgspec.structs.replace(record, findings=rules.sort(told))
        (folder / RECORD).write_bytes(to_json(record))
        hashed = manifest.write(folder)
        signing.sign(folder, hashed, home)
        return folders.kept(Capture(folder, record, hashed, live=asked.real), home)


def _ordered(found: Found) -> Found:
    """A sparse matrix as compressed rows in order, as the service makes them; lists of lists as an array; else as it is."""
    if isinstance(found.data, list) and found.data and isinstance(found.data[0], list | tuple):
        return dataclasses.replace(found, data=np.asarray(found.data))
    if not hasattr(found.data, "tocsr"):
        return found
    holdout = found.holdout
    if holdout is not None and hasattr(holdout[0], "tocsr"):
        holdout = (sparse.canonical(holdout[0]), holdout[1])
    return dataclasses.replace(found, data=sparse.canonical(found.data), holdout=holdout)


def _ask(found: Found, flavor: Any, contract: dict[str, Any], stays: Stays, tolerance: float) -> Asked:
    ask = functools.partial(answering.answer, flavor, found)
    with threads.one():
        predictions, probabilities = ask(golden.copied(golden.take(found.data, slice(0, _SEEN))))
    signature = read_signature(found.data, predictions, probabilities, flavor.classes(found.model), **contract)
    with threads.the_rest():
        reference = scores.reference(found, flavor, ask)
    baseline = Baseline.from_frame(
        sparse.watched(found.data) if signature.rows == "sparse" else found.data,
        scores=reference.values,
        labels=reference.labels,
        holdout=sparse.watched(reference.rows) if hasattr(reference.rows, "tocsr") else reference.rows,
        times=_times(found.data, signature.time),
        holdout_times=_times(reference.rows, signature.time),
        kinds={column.name: column.kind for column in signature.columns},
        classes=flavor.classes(found.model),
    )
    seed = int(baseline.digest[:8], 16)
    rows = golden.real_rows(found.data, signature, seed=seed)
    real = golden.asked(ask, rows, signature, kind="sample", tolerance=tolerance)
    kept, said = _staying(real, found, signature, ask, stays=stays, seed=seed, tolerance=tolerance)
    told = tuple(one for one in (reference.finding, said) if one is not None)
    return Asked(signature, baseline, real, kept, reference.metric(flavor.classes(found.model)), told)


def _times(rows: Any, column: str | None) -> Any:
    """When each row happened, where they carry the column that `--time` names."""
    return rows[column] if column is not None and column in getattr(rows, "columns", ()) else None


def _staying(
    real: Golden, found: Found, signature: Signature, ask: Any, *, stays: Stays, seed: int, tolerance: float
) -> tuple[Golden, Finding | None]:
    none = Golden(kind="none", tolerance=tolerance)
    if stays != "synthetic":
        return (real, None) if stays == "sample" else (none, None)
    rows = golden.synthetic_rows(found.data, signature, seed=seed)
    if rows is None:
        return none, Finding(
            code="no-rows-stay",
            severity="note",
            title="No rows stay with the capture",
            where="--golden",
            why="Free text cannot be drawn without quoting someone. The proof uses real rows in memory; a later start is not "
            "replayed.",
            fix="--golden sample      (real rows stay)",
        )
    try:
        return golden.asked(ask, rows, signature, kind="synthetic", tolerance=tolerance), None
    except Refused as error:
        if error.code == "nondeterministic":
            raise
        return none, Finding(
            code="no-rows-stay",
            severity="warn",
            title="No rows stay with the capture",
            where="--golden",
            why=f"The model fails on rows whose columns are drawn one by one: {error.why}",
            fix="--golden sample      (real rows stay)",
        )


def _needed(folder: Path, found: Found, notebook: Notebook, declared: Declared, home: Home) -> Needed:
    """What the saved model needs around it, with its local code copied; stops where model or code hold a secret."""
    sources = [source for _, source in notebook.executed]
    rules.refuse(rules.accepted(secrets.in_files(folder / "model"), sources))
    needed = dependencies.prepare(
        found.model,
        folder / "model",
        notebook_folder=notebook.path.parent if notebook.path else None,
        notebook=notebook.path,
        exclude=declared.exclude,
        home=home,
        sample=golden.copied(golden.take(found.data, slice(0, 3))),
        wheels=declared.wheels,
    )
    needed.copy_code(folder / "code")
    rules.refuse(rules.accepted(secrets.in_files(folder / "code"), sources))
    return needed


class _Locking:
    """The environment being locked in a thread of its own while the model is asked; who waits `ahead` is told the lock.

    Leaving it early tells nobody: a lock that comes later is only kept for the next time.
    """

    def __init__(
        self, folder: Path, needed: Needed, notebook: Notebook, declared: Declared, home: Home, ahead: Hook | None
    ) -> None:
        self._request = needed.request()
        self._libraries = libraries(folder / "model")
        self._notebook = str(notebook.path) if notebook.path else None
        self._declared = declared
        self._home = home
        self._ahead = ahead
        self._left = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lock")

    def __enter__(self) -> Future[Lock]:
        return self._pool.submit(self._lock)

    def __exit__(self, *problem: object) -> None:
        self._left = True
        self._pool.shutdown(wait=False)

    def _lock(self) -> Lock:
        declared = self._declared
        made = environments.lock(self._request, self._home, relock=declared.relock)
        if self._ahead is not None and not self._left:
            hosts, variables = tuple(declared.allow_network), tuple(declared.env)
            self._ahead(Settled(made, self._libraries, variables, hosts, self._notebook))
        return made


def _write(
    folder: Path,
    case: rules.Case,
    asked: Asked,
    saved: FlavorRecord,
    needed: Needed,
    surroundings: Environment,
) -> CaptureRecord:
    """Write what the kernel said into `folder`; everything is there then but the record and the manifest."""
    asked.baseline.save(folder / "baseline")
    if asked.stays.kind != "none":
        (folder / GOLDEN).parent.mkdir()
        (folder / GOLDEN).write_bytes(to_json(asked.stays))
    return CaptureRecord(
        name=case.found.name,
        model=saved,
        signature=asked.signature,
        environment=surroundings,
        lineage=lineage(case.found, case.notebook, files=needed.files.values(), definitions=case.definitions),
        golden=asked.stays.kind,
        golden_rows=len(asked.stays.rows),
        baseline_rows=asked.baseline.rows,
        answers=answers_digest(asked.real),
        code=needed.code,
        baseline=asked.baseline.digest,
        scores=asked.baseline.scores_digest,
        holdout=asked.holdout,
        findings=needed.findings,
    )


def _saved(case: rules.Case, folder: Path) -> FlavorRecord:
    """Save the model; where it cannot be, the refusal names the culprit by its path."""
    try:
        return flavors.save(case.found.model, folder)
    except Refused as error:
        if error.code != "not-picklable":
            raise
        raise rules.culprit(error, case) from error
