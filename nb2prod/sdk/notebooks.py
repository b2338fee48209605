"""A notebook without a front end: run in a fresh kernel, then captured, verified or deployed from inside that kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import msgspec

from nb2prod.capturing.execution import read_saved
from nb2prod.errors import Failed, Nb2prodError, Refused, Unavailable, Unverified, UsageError
from nb2prod.home import Home
from nb2prod.records.alerts import SLO, Alert
from nb2prod.records.lifecycle import Outcome, Plan, Progress, Step, silent
from nb2prod.records.proof import Verification
from nb2prod.sdk import lockfile, marking
from nb2prod.sdk.card.words import count
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.journal import Journal
from nb2prod.sdk.kernel import Ran
from nb2prod.sdk.marking import MARKING, publish, read
from nb2prod.sdk.oneline import deploy
from nb2prod.sdk.steps import CaptureOptions, checked, running_notebook
from nb2prod.sdk.wish import alert_of

_ADDED = {"exclude", "env", "allow_network", "nullable", "wheel"}
_KINDS = {kind.__name__: kind for kind in (UsageError, Refused, Unverified, Unavailable, Failed)}


def deploy_notebook(
    path: str | os.PathLike[str],
    model: str | None = None,
    *,
    workers: int | None = None,
    canary: float | None = None,
    alerts: Iterable[Alert | str] | None = None,
    slo: SLO | None = None,
    sample: float | None = None,
    sample_deny: Iterable[str] = (),
    allow_unverified: bool = False,
    dry_run: bool = False,
    write_lock: bool = False,
    cell_timeout: int = 600,
    home: Home | None = None,
    progress: Progress = silent,
    **options: Unpack[CaptureOptions],
) -> Deployment | Plan:
    """Run a notebook from its first cell in a fresh kernel and deploy a model from it; continuous integration's way.

    Parameters
    ----------
    path
        The notebook; it is read, and written only for `write_lock`.
    model
        The variable that holds the model; without it the only one that a `%deploy` of the notebook names, else `model`. The cells
        run up to and with the one whose `%deploy` names it: what comes after uses a deployment that this run makes only at its
        end. Without such a cell all run. The flags of that `%deploy` count where nothing else is said here.
    cell_timeout
        Seconds that one cell may take.
    workers, canary, alerts, slo, sample, sample_deny, allow_unverified, dry_run, write_lock, home, progress, **options
        As in `deploy`; data, labels and hold-out by name.

    Raises
    ------
    Refused
        A cell fails or takes too long; and all that `deploy` refuses.
    """
    home = home or Home()
    said = None if alerts is None else [str(alert_of(alert)) for alert in alerts]
    settings: dict[str, Any] = {"workers": workers, "alerts": said, "allow_unverified": allow_unverified}
    settings["slo"] = None if slo is None else msgspec.to_builtins(slo)
    settings |= {"dry_run": dry_run, "write_lock": write_lock, "sample": sample, "sample_deny": tuple(sample_deny)}
    settings["canary"] = canary
    asked = {key: value for key, value in settings.items() if value is not None and value is not False and value != ()}
    found = _inside("deploy", path, model or marked_model(path), {**options, **asked}, home, cell_timeout, progress)
    if dry_run:
        return msgspec.convert(found, Plan)
    outcome = msgspec.convert(found, Outcome)
    return Deployment(outcome.name, home=home, outcome=outcome)


def verify_notebook(
    path: str | os.PathLike[str],
    model: str | None = None,
    *,
    write_lock: bool = False,
    cell_timeout: int = 600,
    home: Home | None = None,
    progress: Progress = silent,
    **options: Unpack[CaptureOptions],
) -> Verification:
    """Run a notebook in a fresh kernel, capture its model and prove it; nothing is registered or deployed.

    What capture refuses is a verification too, with its reason; a wrong call raises. With `write_lock` the versions of a
    verified model are written into the notebook, as uv and juv read them.
    """
    asked: dict[str, Any] = {**options, "write_lock": True} if write_lock else dict(options)
    try:
        found = _inside("verify", path, model or marked_model(path), asked, home or Home(), cell_timeout, progress)
    except (Refused, Unverified) as error:
        return Verification(
            capture="",
            status="unverified" if isinstance(error, Unverified) else "refused",
            title=error.title,
            reason=error.why,
            fix=error.fix,
            kept=error.kept,
            where=error.where,
            code=error.code,
        )
    return msgspec.convert(found, Verification)


def marked_model(path: str | os.PathLike[str]) -> str:
    """The model that the notebook's `%deploy` cells name, where they name one; else `model`."""
    file = Path(path).expanduser()
    cells = read_saved(file) if file.is_file() else None
    names = marking.named(cell.source for cell in cells or ())
    return names[0] if len(names) == 1 else "model"


def _with_said(verb: str, model: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options with those of the `%deploy` line that marked the model; what the caller said goes before."""
    known = {"write_lock", *CaptureOptions.__annotations__}
    said = {key: value for key, value in marking.said(model).items() if verb == "deploy" or key in known}
    for key in _ADDED & said.keys() & options.keys():
        options[key] = tuple(dict.fromkeys((*options[key], *said[key])))
    return {**said, **options}


def carry_out(verb: str, path: str, model: str, options: dict[str, Any], home: str, cache: str) -> None:
    """Called inside the kernel after the last cell: does the work and publishes each step and the result."""

    def tell(kind: str, body: Any) -> None:
        publish({"kind": kind, "body": msgspec.to_builtins(body)})

    found = running_notebook()
    assert found is not None
    notebook = replace(found, path=Path(path), saved=read_saved(Path(path)), watch=None)
    place = Home(home, cache)
    try:
        if "slo" in options:
            options["slo"] = msgspec.convert(options["slo"], SLO)
        options = _with_said(verb, model, options)
        if verb == "deploy":
            made = deploy(model, notebook=notebook, home=place, progress=lambda step: tell("step", step), **options)
            tell("result", made.outcome if isinstance(made, Deployment) else made)
        else:
            writes = options.pop("write_lock", False)
            options["notebook"] = notebook
            taken, proven = checked(model, home=place, progress=lambda step: tell("step", step), **options)
            if writes and proven.status == "verified":
                written = lockfile.write(taken, Path(path))
                proven = msgspec.structs.replace(proven, warnings=(*proven.warnings, written))
            tell("result", proven)
    except Nb2prodError as error:
        kind = next((base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS), "Failed")
        tell("error", {"class": kind, **error.as_dict()})
    except KeyboardInterrupt as error:
        tell("interrupted", next(iter(getattr(error, "__notes__", ())), ""))


def _inside(
    verb: str,
    path: str | os.PathLike[str],
    model: str,
    options: dict[str, Any],
    home: Home,
    cell_timeout: int,
    progress: Progress,
) -> Any:
    from nb2prod.sdk.kernel import Kernel

    file = Path(path).expanduser().absolute()
    if "wheel" in options:  # the kernel works in the notebook's folder
        options["wheel"] = [str(Path(wheel).expanduser().absolute()) for wheel in options["wheel"]]
    call = (verb, str(file), model, options, str(home.root), str(home.cache))
    messages: list[dict[str, Any]] = []

    def heard(message: dict[str, Any]) -> None:
        messages.append(message)
        if message["kind"] == "step":
            progress(msgspec.convert(message["body"], Step))

    journal = Journal(progress)
    try:
        with Kernel(file, cell_timeout=cell_timeout, environment={MARKING: "1"}) as kernel:
            with journal.step("Notebook", f"running {file.name} from its first cell") as line:
                line.found(_ran(kernel.run_cells(model), model))
            kernel.run(f"from nb2prod.sdk.notebooks import carry_out\ncarry_out(*{call!r})", heard=_reader(heard))
    except KeyboardInterrupt as error:
        if not messages or messages[-1]["kind"] != "result":  # else it came when all was done
            _note(messages, error)
            raise
    found = _result(messages, file)
    if "steps" in found:
        found["steps"] = [*msgspec.to_builtins(journal.steps), *found["steps"]]
    return found


def _ran(ran: Ran, model: str) -> str:
    """`3 cells; not the 7 after the %deploy that marks model: they do not make it`."""
    if not ran.left:
        return count(ran.cells, "cell")
    return f"{count(ran.cells, 'cell')}; not the {ran.left} after `%deploy {model}`: what comes there does not make the model"


def _result(messages: list[dict[str, Any]], file: Path) -> Any:
    last: dict[str, Any] = messages[-1] if messages else {"kind": "nothing"}
    if last["kind"] == "result":
        return last["body"]
    if last["kind"] == "error":
        fields = dict(last["body"])
        raise _KINDS[fields.pop("class")](fields.pop("title"), **fields)
    if last["kind"] == "interrupted":
        stopped = KeyboardInterrupt()
        _note(messages, stopped)
        raise stopped
    raise Failed(
        "The kernel ended before there was a result",
        code="kernel-ended",
        where=str(file),
        why="It was killed or ran out of memory.",
        fix="nb2prod doctor",
        kept="nothing was registered",
    )


def _note(messages: list[dict[str, Any]], error: KeyboardInterrupt) -> None:
    """What was kept: as the kernel tells it, else as far as its steps do."""
    if getattr(error, "__notes__", ()):
        return
    told = next((message["body"] for message in messages if message["kind"] == "interrupted"), "")
    begun = any(message["kind"] == "step" and message["body"]["name"] == "Register" for message in messages)
    error.add_note(told or ("nb2prod list says what answers" if begun else "nothing was registered"))


def _reader(heard: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def hear(data: dict[str, Any]) -> None:
        message = read(data)
        if message is not None:
            heard(message)

    return hear
