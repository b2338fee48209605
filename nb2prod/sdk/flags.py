"""Every flag of a deploy, once: the magic's help and parser, and the command's options, are made from this table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "integer", "switch", "value", "values"]


@dataclass(frozen=True)
class Flag:
    """One flag. `takes` names what follows it; a `value` is Python in a notebook and a variable's name for the command."""

    name: str
    help: str
    example: str
    kind: Kind = "text"
    takes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    repeated: bool = False
    for_verify: bool = True
    argument: str = ""

    @property
    def keyword(self) -> str:
        """The name of the SDK's argument."""
        return self.argument or self.name.removeprefix("--").replace("-", "_")

    @property
    def usage(self) -> str:
        return " ".join((self.name, *self.takes))


FLAGS = (
    Flag("--name", "The name to deploy under. Default: the variable's.", "--name delays", takes=("NAME",)),
    Flag(
        "--data",
        "The rows the model was trained on: they become the baseline that traffic is watched against.",
        "--data X_train",
        kind="value",
        takes=("DATA",),
    ),
    Flag("--labels", "The true answers to those rows.", "--labels y_train", kind="value", takes=("LABELS",)),
    Flag(
        "--holdout",
        "Rows and answers that the model has not seen: confidence and performance are judged by their scores.",
        "--holdout X_test y_test",
        kind="values",
        takes=("ROWS", "ANSWERS"),
    ),
    Flag(
        "--time",
        "The column that says when a row happened; otherwise the time it arrives counts.",
        "--time departed_at",
        takes=("COLUMN",),
    ),
    Flag(
        "--id", "The column that names a row, so that its label can follow later.", "--id order_id", takes=("COLUMN",)
    ),
    Flag(
        "--nullable",
        "A column that may be null in traffic though the training rows have no null. Once for each column.",
        "--nullable age --nullable income",
        takes=("COLUMN",),
        repeated=True,
    ),
    Flag(
        "--extra-columns",
        "What to do with columns the model does not know: refuse the request, or ignore them.",
        "--extra-columns ignore",
        takes=("refuse|ignore",),
        choices=("refuse", "ignore"),
    ),
    Flag(
        "--exclude",
        "A global of the notebook that stays behind. Once for each name.",
        "--exclude big_table",
        takes=("NAME",),
        repeated=True,
    ),
    Flag(
        "--env",
        "An environment variable the service needs. Its value never travels with the model.",
        "--env FEATURE_STORE_URL",
        takes=("NAME",),
        repeated=True,
    ),
    Flag(
        "--allow-network",
        "A host that predict may reach; it is recorded as a dependency.",
        "--allow-network features.example.org",
        takes=("HOST",),
        repeated=True,
    ),
    Flag(
        "--golden",
        "Which rows stay with the model to prove it again: drawn ones, real ones, or none.",
        "--golden sample",
        takes=("synthetic|sample|none",),
        choices=("synthetic", "sample", "none"),
    ),
    Flag(
        "--tolerance",
        "How far a score may differ from the kernel's. Default: not at all.",
        "--tolerance 1e-9",
        kind="number",
        takes=("SHARE",),
    ),
    Flag(
        "--strict",
        "Refuse what is otherwise a warning, such as a function changed after the fit.",
        "--strict",
        kind="switch",
    ),
    Flag(
        "--relock", "Resolve the environment again instead of using the lock of last time.", "--relock", kind="switch"
    ),
    Flag(
        "--wheel",
        "A wheel file of something that no index has; it travels with the model. Once for each file.",
        "--wheel wheels/ours-1.0-py3-none-any.whl",
        takes=("FILE",),
        repeated=True,
    ),
    Flag(
        "--write-lock",
        "Write the proven versions into the notebook: a PEP 723 block and its uv.lock; reload it from disk where it is open.",
        "--write-lock",
        kind="switch",
    ),
    Flag(
        "--workers",
        "How many processes answer.",
        "--workers 4",
        kind="integer",
        takes=("N",),
        for_verify=False,
    ),
    Flag(
        "--canary",
        "Begin beside the version that takes the traffic, with this share of the requests, and do not replace it.",
        "--canary 10",
        kind="number",
        takes=("PERCENT",),
        for_verify=False,
    ),
    Flag(
        "--alert",
        "What to be told of, in words: METRIC above|below NUMBER over 7d. Once for each alert.",
        "--alert 'conversion below 0.03 over 7d'",
        takes=("WORDS",),
        repeated=True,
        for_verify=False,
        argument="alerts",
    ),
    Flag(
        "--p99-ms",
        "A service level: the milliseconds that 99 of 100 answers take at most. Told when the last hour misses it.",
        "--p99-ms 50",
        kind="number",
        takes=("MILLISECONDS",),
        for_verify=False,
    ),
    Flag(
        "--availability",
        "A service level: the share of requests that get their answer. Told when the last hour misses it.",
        "--availability 0.999",
        kind="number",
        takes=("SHARE",),
        for_verify=False,
    ),
    Flag(
        "--sample",
        "Keep this share of the answered rows, to look at. Off where nothing is said; 0 ends it.",
        "--sample 0.01",
        kind="number",
        takes=("SHARE",),
        for_verify=False,
    ),
    Flag(
        "--sample-deny",
        "A column that is never kept of a sampled row. Once for each column.",
        "--sample 0.01 --sample-deny name",
        takes=("COLUMN",),
        repeated=True,
        for_verify=False,
    ),
    Flag(
        "--allow-unverified",
        "Deploy though the proof could not be run here.",
        "--allow-unverified",
        kind="switch",
        for_verify=False,
    ),
    Flag("--dry-run", "Show what would go, and make nothing.", "--dry-run", kind="switch", for_verify=False),
)

BY_NAME = {flag.name: flag for flag in FLAGS}


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options as the SDK's arguments: those that nobody gave are left to its own defaults.

    Examples
    --------
    >>> given({"workers": None, "p99_ms": 50.0})
    {'slo': SLO(p99_ms=50.0, availability=None)}
    """
    known = {keyword: value for keyword, value in options.items() if not _is_unsaid(value)}
    levels = {keyword: known.pop(keyword) for keyword in ("p99_ms", "availability") if keyword in known}
    if levels:
        from nb2prod.records.alerts import SLO

        known["slo"] = SLO(**levels)
    return known


def _is_unsaid(value: Any) -> bool:
    """None, a switch that is off, a repeated flag without values; a frame is compared with nothing."""
    return value is None or value is False or (isinstance(value, tuple) and not value)


def under_its_name(fix: str, typed: Mapping[str, Sequence[tuple[str, ...]]], where: str) -> str:
    """A deploy's line that suggests a name, with the one that was typed; where that is what is wrong, as it is."""
    name = next((words[0] for words in typed.get("--name", ()) if words), "")
    if not name or name in where:
        return fix
    return re.sub(r"(?m)^(%%?deploy\b.*?--name )\S+", lambda found: found[1] + name, fix)


def _mended_within(fix: str, command: str, typed: Mapping[str, Sequence[tuple[str, ...]]], where: str) -> str:
    """A fix that says something else first: the deploy on a line below, or one that ends in a variable, gets the flags."""
    verb = re.escape(command.rpartition(" ")[0])
    found = re.search(rf"(?m)(?<=\n){verb} [^\n]+$|{verb} \S+ --env \w+", fix)
    if found is None:
        return fix
    own = re.match(rf"{verb} \S+", found[0])
    assert own is not None
    return fix[: found.start()] + mended(found[0], own[0], typed, where) + fix[found.end() :]


def mended(fix: str, command: str, typed: Mapping[str, Sequence[tuple[str, ...]]], where: str = "") -> str:
    """A fix as a whole line: what begins with a flag gets the command, and the flags that were typed stay.

    Parameters
    ----------
    fix
        The line to type; one that is no `command` is left as it is, but for a deploy that follows what is to be done first.
        What it says after three spaces comes after the flags,
        another way (``or …``) on a line of its own.
    command
        What a deploy's line begins with, its model included.
    typed
        The words behind each flag that was typed.
    where
        What the error is about: a repeated flag that says just this is left out.

    Examples
    --------
    >>> mended("--env KEY", "%deploy model", {"--name": [("delays",)]})
    '%deploy model --env KEY --name delays'
    """
    fix = under_its_name(fix, typed, where)
    if fix.startswith("--"):
        fix = f"{command} {fix}"
    first, *below = fix.split("\n")
    if not f"{first} ".startswith(f"{command} "):
        return _mended_within(fix, command, typed, where)
    line, *note = re.split(r"(?= {3,}\S)", first, maxsplit=1)
    named = set(re.findall(r"(?<!\S)--[a-z0-9-]+", line))
    for flag, found in typed.items():
        repeated = flag in BY_NAME and BY_NAME[flag].repeated
        if flag not in named or repeated:
            kept = [" ".join((flag, *words)) for words in found if not (repeated and words[0].strip("'\"") in where)]
            line += "".join(f" {words}" for words in kept if words not in line)
    other = [one.strip() for one in note if one.lstrip().startswith("or ")]
    return "\n".join(("".join((line, *(note if not other else ()))), *other, *below))
