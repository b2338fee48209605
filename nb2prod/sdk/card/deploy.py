"""The card of a deploy: what was done, what changed, what needs a decision, what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Literal

from nb2prod.records.capture import CaptureRecord, Environment, Finding
from nb2prod.records.lifecycle import Outcome, Plan, Step
from nb2prod.records.proof import Replay, Verification
from nb2prod.sdk.card import example
from nb2prod.sdk.card.shape import Card, Code, Fold, Item, Row, Table
from nb2prod.sdk.card.words import count, figure, metric, size

Voice = Literal["notebook", "terminal"]
_LOWER_IS_BETTER = ("error", "loss", "rmse", "mae", "mse", "brier", "deviance")


def progress(steps: Iterable[Step]) -> Card:
    """The lines of a deploy while it runs."""
    return Card(steps=tuple(steps))


def outcome(made: Outcome, *, variable: str = "deployment", voice: Voice = "notebook") -> Card:
    """The card at the end of a deploy; in a notebook its lines use `variable`, in a terminal the commands."""
    rows = [_try_it(made, variable, voice), _changed(made, variable, voice), _heads_up(made), _watching(made)]
    rows.append(_next(made.name, variable, voice) if made.canary is None else _on(made, made.canary, variable, voice))
    shown = tuple(row for row in rows if row is not None)
    return Card(
        head=_headline(made),
        aside=_aside(made),
        link=made.url,
        steps=() if made.unchanged else made.steps,
        rows=shown,
        folds=_details(made),
        tone="decide" if any(row.label == "Heads up" for row in shown) else "done",
    )


def plan(planned: Plan) -> Card:
    """What `--dry-run` shows: what would go; nothing was made."""
    record = planned.capture
    rows = [
        Row("Model", (_model(record),)),
        Row("Columns", (_columns(record),)),
        Row("Data", tuple(_data_lines(record)) or ("No baseline was found.",)),
        Row("Code", (_code(record),)),
        Row("Packages", (f"{planned.packages} locked · Python {record.environment.python}",)),
        Row("Size", (f"{size(planned.bytes)} in {count(len(planned.files), 'file')}",)),
        *_checked(record),
        *_finding_rows(record.findings),
    ]
    files = (Fold("Files", text="\n".join(planned.files)),)
    return Card(head=f"{planned.name} would go like this; nothing was made", rows=tuple(rows), folds=files)


def verification(proof: Verification, name: str) -> Card:
    """The card of a proof."""
    rows = [Row(label, (text,)) for label, text in (("where", proof.where), ("why", proof.reason)) if text]
    if proof.fix:
        rows.append(Row("fix", (Code(proof.fix),)))
    if proof.kept:
        rows.append(Row("kept", (proof.kept,)))
    if proof.status == "verified":
        rows = [Row("Proof", tuple(_proof_lines(proof)))]
    rows += _finding_rows(proof.warnings)
    tone: Literal["done", "wrong"] = "done" if proof.status == "verified" else "wrong"
    title = f": {proof.title}" if proof.title and proof.status != "verified" else ""
    return Card(
        head=f"{name} is {proof.status}{title}",
        rows=tuple(rows),
        tone=tone,
        indent=0 if proof.status == "verified" else 2,
    )


def _headline(made: Outcome) -> str:
    if made.unchanged and made.canary is not None:
        return f"{made.name} {made.version} is the canary already, at {made.canary:g} % beside version {made.champion}"
    if made.unchanged:
        return f"{made.name} {made.version} is already live: same model, same environment, same data"
    if made.canary is not None:
        return f"{made.name} {made.version} answers {made.canary:g} % beside version {made.champion} at {made.url}"
    return f"{made.name} {made.version} is live at {made.url}"


def _aside(made: Outcome) -> str:
    if made.unchanged:
        return made.url
    return f"replaced version {made.replaced} without a gap" if made.replaced is not None else ""


def _try_it(made: Outcome, variable: str, voice: Voice) -> Row:
    call = example.predict(variable, made.capture) if voice == "notebook" else None
    lines = [call, example.curl(made.url, made.capture.signature)]
    return Row("Try it", tuple(Code(line) for line in lines if line))


def _changed(made: Outcome, variable: str, voice: Voice) -> Row | None:
    other = made.replaced if made.canary is None else made.champion
    if made.unchanged or other is None:
        return None
    said: list[str] = []
    if made.compared:
        answers = (
            "no answer differs" if not made.changed else f"{made.changed} of {count(made.compared, 'answer')} differ"
        )
        said.append(f"{answers} from version {other}")
    elif made.not_compared:
        said.append(f"not compared with version {other}: {made.not_compared}")
    if made.metric and made.metric_now is not None:
        before = "" if made.metric_before is None else f" (version {other}: {figure(made.metric, made.metric_before)})"
        said.append(f"hold-out {metric(made.metric)} {figure(made.metric, made.metric_now)}{before}")
    if not said:
        return None
    undo = f"models:/{made.name}/{other}"
    line = f"%deploy {undo}" if voice == "notebook" else f"nb2prod deploy {undo}"
    if made.canary is not None:
        line = _end(made.name, variable, voice)
    items: tuple[Item, ...] = ("; ".join(said),)
    return Row("Changed", (*items, Code(line, note="undo")) if _worse(made) else items)


def _worse(made: Outcome) -> bool:
    if made.metric is None or made.metric_now is None or made.metric_before is None:
        return False
    if figure(made.metric, made.metric_now) == figure(made.metric, made.metric_before):
        return False
    lower = any(word in made.metric.lower() for word in _LOWER_IS_BETTER)
    return made.metric_now > made.metric_before if lower else made.metric_now < made.metric_before


def _heads_up(made: Outcome) -> Row | None:
    findings = [*made.capture.findings, *made.verification.warnings, *made.notes]
    points = list(dict.fromkeys(finding for finding in findings if finding.severity == "warn"))
    items: list[Item] = []
    if made.verification.status != "verified":
        items.append(f"Not verified: {made.verification.reason}")
        items += [Code(made.verification.fix)] if made.verification.fix else []
    items += _points(points)
    return Row("Heads up", tuple(items)) if items else None


def _points(findings: Iterable[Finding]) -> list[Item]:
    """Each finding in a sentence or two, and the line that changes it; those that one line changes are told together."""
    together: dict[str, list[Finding]] = {}
    for number, finding in enumerate(findings):
        together.setdefault(finding.fix or str(number), []).append(finding)
    return [item for those in together.values() for item in _point(those)]


def _point(findings: Sequence[Finding]) -> list[Item]:
    tail = _shared_end([finding.why for finding in findings]) if len(findings) > 1 else ""
    parts: list[str] = []
    for finding in findings:
        place = f"{finding.where}: " if finding.where else ""
        parts += [place + finding.title, finding.why.removesuffix(tail)]
    said = " ".join(part.strip().rstrip(".") + "." for part in (*parts, tail) if part.strip())
    return [said, Code(findings[0].fix)] if findings[0].fix else [said]


def _shared_end(texts: Sequence[str]) -> str:
    """The whole sentences that all texts end with."""
    backwards = [text.split(". ")[::-1] for text in texts]
    shared = takewhile(lambda said: len(set(said)) == 1, zip(*backwards, strict=False))
    return ". ".join([said[0] for said in shared][::-1])


def _finding_rows(findings: Iterable[Finding]) -> list[Row]:
    items = _points(finding for finding in findings if finding.severity != "note")
    return [Row("Heads up", tuple(items))] if items else []


def _watching(made: Outcome) -> Row | None:
    return Row("Watching", (made.watching,)) if made.watching and not made.unchanged else None


def _next(name: str, variable: str, voice: Voice) -> Row:
    if voice == "notebook":
        lines = [f"{variable}.report()", f"{variable}.drift()", "%deployments"]
        return Row("Next", (*(Code(line) for line in lines), Code(f"{variable}.stop()", note="stop")), beside=True)
    lines = [f"nb2prod status {name}", f"nb2prod drift {name}", f"nb2prod logs {name}"]
    return Row("Next", (*(Code(line) for line in lines), Code(f"nb2prod stop {name}", note="stop")), beside=True)


def _on(made: Outcome, percent: float, variable: str, voice: Voice) -> Row:
    """How a canary goes on."""
    more = min(100.0, max(50.0, 2 * percent))
    lines = (
        (f"{variable}.canary(percent={more:g})", f"{variable}.promote()", f"{variable}.drift(version={made.version})")
        if voice == "notebook"
        else (
            f"nb2prod canary {made.name} --percent {more:g}",
            f"nb2prod promote {made.name}",
            f"nb2prod drift {made.name} --version {made.version}",
        )
    )
    end = Code(_end(made.name, variable, voice), note="end it")
    return Row("Next", (*(Code(line) for line in lines), end), beside=True)


def _end(name: str, variable: str, voice: Voice) -> str:
    return f"{variable}.canary(percent=0)" if voice == "notebook" else f"nb2prod canary {name} --stop"


def _details(made: Outcome) -> tuple[Fold, ...]:
    record = made.capture
    return (
        Fold("Proof", rows=(Row("", tuple(_proof_lines(made.verification))),), table=_replays(made.verification)),
        Fold("Environment", rows=_environment(record)),
        Fold(
            "Data", rows=(Row("", tuple(_data_lines(record)) or ("none found",)), Row("Columns", (_columns(record),)))
        ),
        Fold("Lineage", rows=_lineage(made)),
    )


def _proof_lines(proof: Verification) -> list[str]:
    if proof.status != "verified":
        return [f"{proof.status}: {proof.reason}" if proof.reason else proof.status]
    rows = max((replay.rows for replay in proof.replays), default=0)
    return [f"{count(rows, 'row')} answer as in the kernel, {proof.held}, in a clean environment and over HTTP"]


def _replays(proof: Verification) -> Table | None:
    lines = tuple(_replay_cells(replay) for replay in proof.replays)
    return Table(("replayed by", "rows", "of kind", "equal", "took"), lines, align="lrllr") if lines else None


def _replay_cells(replay: Replay) -> tuple[str, ...]:
    equal = replay.held if replay.equal else f"{replay.differing} differ"
    return (replay.way, f"{replay.rows:,}", replay.kind, equal, f"{replay.seconds:.1f} s")


def _environment(record: CaptureRecord) -> tuple[Row, ...]:
    around = record.environment
    rows = [
        Row("Python", (f"{around.python} on {around.platform} {around.machine}".strip(),)),
        Row("Packages", (f"{around.packages} locked with their hashes, among them", ", ".join(around.pins))),
        Row("Code", (_code(record),)),
    ]
    rows += _carried(around)
    if around.left_out:
        rows.append(Row("Left out", (f"loaded in the kernel and not needed: {', '.join(around.left_out)}",)))
    if around.variables:
        rows.append(Row("Variables", (f"{', '.join(around.variables)} (names only)",)))
    return tuple(rows)


def _carried(around: Environment) -> Iterator[Row]:
    """What comes from no index: the wheels that travel, each why; and what else is not as a lock has it."""
    why = [one for one in around.unlocked if one.endswith("travels with the model")]
    told = {one.partition("==")[0].replace("-", "_") for one in why}
    wheels = [f"{wheel}, with its hash" for wheel in around.wheels if wheel.partition("-")[0] not in told]
    if why or wheels:
        yield Row("Carried", (*why, *wheels))
    if other := tuple(one for one in around.unlocked if one not in why):
        yield Row("As it is", other)


def _lineage(made: Outcome) -> tuple[Row, ...]:
    told = made.capture.lineage
    git = (
        ""
        if not told.git_commit
        else f"{told.git_commit[:12]}{', with changes not committed' if told.git_dirty else ''}"
    )
    said = [
        ("Notebook", told.notebook or ""),
        ("Cells", ", ".join(f"In [{cell.execution}]" for cell in told.cells)),
        ("Git", git),
        ("Stale check", told.stale_check),
        ("Made", f"{told.created} by {told.user}"),
        ("Model", f"models:/{made.name}/{made.version}"),
        ("Bento", made.bento),
    ]
    return tuple(Row(label, (text,)) for label, text in said if text)


def _model(record: CaptureRecord) -> str:
    steps = f" of {' → '.join(record.model.steps)}" if record.model.steps else ""
    return f"{record.model.model_class.rpartition('.')[2]}{steps}"


def _code(record: CaptureRecord) -> str:
    """`predict (cell 4), clean (cell 2), delayutils`: the notebook's functions and classes, then its modules."""
    modules = [module.name for module in record.environment.local]
    return ", ".join((*record.lineage.definitions, *modules)) or "none of the notebook's own"


def _checked(record: CaptureRecord) -> list[Row]:
    """Stale state is looked for in the cells that ran and in the file; without the file only in the cells."""
    told = record.lineage
    if told.stale_check == "full" or not told.cells:
        return []
    why = "the notebook was not saved since it ran" if told.notebook else "the notebook's file was not found"
    said = f"stale check: partial; {why}, so cells that were edited or deleted are not seen"
    return [Row("Check", (said, Code("save it and run the line again")))]


def _columns(record: CaptureRecord) -> str:
    names = [f"{column.name} ({column.kind})" for column in record.signature.columns]
    rest = f" and {len(names) - 24} more" if len(names) > 24 else ""
    return f"{len(names)}: {', '.join(names[:24])}{rest}"


def _data_lines(record: CaptureRecord) -> list[str]:
    return [
        f"{source.role}: {source.name or 'unnamed'}, {count(source.rows, 'row')}"
        + (f", {count(source.columns, 'column')}" if source.columns > 1 else "")
        + (f", from {source.source}" if source.source else "")
        for source in record.lineage.data
    ]
