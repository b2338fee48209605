"""How many planted credentials stop a capture, and how many clean notebooks are stopped for nothing.

    python tests/benchmarks/credentials/run.py [--write] [--seed N] [--only LIST ...]

Every credential is drawn at the start (none is written here) and planted where people leave them: in globals, closures, defaults,
classes, estimators, cells, outputs. `planted` is the list that the rules were built with, the others were each written
afterwards, `fifth` to `seventh`, `tenth` and `eleventh` by somebody who had not read the rules, `eighth` and `ninth` by the one
who had mended them; what they gave at first sight stands below the table.
The clean ones are the corpus's own notebooks with other outcomes than `secret`, and texts that only look like credentials.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # six rows are fitted a thousand times: threads only wait for each other

import nbformat
from cases import Kinds
from eighth import EIGHTH, clean_eighth
from eleventh import ELEVENTH, clean_eleventh
from fifth import FIFTH, clean_fifth
from first import PLANTED, clean
from fourth import FOURTH, clean_fourth
from held_out import HELD_OUT
from ninth import NINTH, clean_ninth
from second import SECOND, clean_second
from seventh import SEVENTH
from seventh_clean import clean_seventh
from sixth import SIXTH, clean_sixth
from tenth import TENTH, clean_tenth
from third import THIRD, clean_third

ROOT = Path(__file__).parents[3]
RESULTS = Path(__file__).with_name("RESULTS.md")
CORPUS = ROOT / "tests" / "corpus"
sys.path.insert(0, str(ROOT / "tests"))

LISTS = {
    "planted": (PLANTED, clean),
    "held out": (HELD_OUT, list),
    "second": (SECOND, clean_second),
    "third": (THIRD, clean_third),
    "fourth": (FOURTH, clean_fourth),
    "fifth": (FIFTH, clean_fifth),
    "sixth": (SIXTH, clean_sixth),
    "seventh": (SEVENTH, clean_seventh),
    "eighth": (EIGHTH, clean_eighth),
    "ninth": (NINTH, clean_ninth),
    "tenth": (TENTH, clean_tenth),
    "eleventh": (ELEVENTH, clean_eleventh),
}
# what each list gave before anything was changed for it
FIRST_SIGHT = """
At first sight, before the rules were changed for them (from the fifth on: 2026-11-27, the others the day before):

| list | planted | found | clean | stopped for nothing |
|---|---|---|---|---|
| second | 60 | 55 (91.7%) | 20 | 2 |
| third | 30 | 29 (96.7%) | 10 | 0 |
| fourth | 40 | 34 (85.0%) | 10 | 0 |
| fifth | 50 | 45 (90.0%) | 25 | 5 |
| sixth | 50 | 44 (88.0%) | 25 | 3 |
| seventh | 150 | 141 (94.0%) | 75 | 2 |
| eighth | 60 | 48 (80.0%) | 30 | 3 |
| ninth | 40 | 37 (92.5%) | 20 | 2 |
| tenth | 100 | 99 (99.0%) | 100 | 7 |
| eleventh | 50 | 47 (94.0%) | 50 | 2 |

The eleventh was left unread while the rules were mended for the ninth and the tenth. Run once after the rules were mended for the
tenth, unread: 47 of 50 found, 2 of 50 stopped for nothing, as at first sight. Only then was it read and the rules mended for it too.

The seventh by class: what travels 20 of 20, calls 16 of 16, addresses 17 of 18, shells 14 of 14, files in texts 12 of 14,
vendors 27 of 28, people's passwords 10 of 12, outputs 10 of 12, pickled objects 8 of 8, coded or put together 7 of 8.
The eighth was made to be hard, of what no list had before: travels 8 of 10, calls 10 of 10, cells in other languages and commands
11 of 14, vendors 9 of 12, other languages' names 2 of 4, outputs 4 of 5, coded 4 of 5.
"""


def look(case: dict[str, Any], folder: Path) -> list[Any]:
    """The findings of one notebook: its rules, then the files of the saved model."""
    from IPython.core.interactiveshell import InteractiveShell

    from nb2prod.capturing import discovery, rules
    from nb2prod.capturing.execution import Notebook
    from nb2prod.capturing.rules.secrets import Secret, in_files
    from nb2prod.runtime import flavors

    shell = InteractiveShell()
    without_commands(shell)
    document = nbformat.v4.new_notebook()
    for number, source in enumerate(case["cells"], start=1):
        shell.run_cell(source, store_history=True, silent=False)
        shown = nbformat.v4.new_code_cell(source, execution_count=number)
        if number - 1 in case["outputs"]:
            text = case["outputs"][number - 1]
            data = {"text/html": text} if case["html"] else {"text/plain": text}
            shown.outputs = [nbformat.v4.new_output("display_data", data=data)]
        document.cells.append(shown)
    path = folder / "notebook.ipynb"
    nbformat.write(document, path)
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    notebook = Notebook.from_ipython(shell)
    found = discovery.find(case["model"], notebook, data="X" if "docs" not in shell.user_ns else "docs")
    findings = list(Secret().look(rules.Case(found, notebook, flavors.of(found.model))))
    if not findings:
        flavors.save(found.model, folder / "model")
        findings += in_files(folder / "model")
    return findings


def without_commands(shell: Any) -> None:
    """Commands of a case are read, never run."""
    shell.system = lambda command: None
    shell.register_magic_function(lambda line: None, "line", "pip")
    for name in ("bash", "sh"):
        shell.register_magic_function(lambda line, cell: None, "cell", name)


def rate(cases: list[tuple[str, dict[str, Any]]], *, expected: bool) -> tuple[int, list[str]]:
    """How many of the cases came out as expected, and those that did not."""
    right, wrong = 0, []
    for name, case in cases:
        with tempfile.TemporaryDirectory() as folder:
            found = look(case, Path(folder))
        if bool(found) == expected:
            right += 1
        else:
            wrong.append(name + "".join(f": {one.title} ({one.where})" for one in found))
    return right, wrong


def corpus() -> list[tuple[str, list[str]]]:
    """The corpus's notebooks that are not refused, each with its cells in the order in which they were run."""
    found = []
    for path in sorted(CORPUS.glob("*.ipynb")):
        wanted = json.loads(path.with_suffix(".json").read_bytes())
        if wanted["status"] == "refused":
            continue
        cells = [one.source for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
        ran = wanted.get("run", range(1, len(cells) + 1))
        found.append((path.stem, [cells[n - 1] if isinstance(n, int) else n for n in ran]))
    return found


def stopped_by_text(notebooks: list[tuple[str, list[str]]]) -> list[str]:
    """Clean notebooks whose cells alone would be stopped: they need files of theirs to run."""
    from nb2prod.capturing.credentials.texts import in_source

    return [name for name, cells in notebooks if any(next(in_source(source), None) for source in cells)]


def measured(titles: list[str], seed: int) -> list[str]:
    """The table of these lists and of the clean ones, and what went wrong in them."""
    lines = ["| list | cases | found or passed | rate |", "|---|---|---|---|"]
    left = []
    for title in titles:
        kinds = Kinds(seed)
        made = [(name, make(kinds)) for name, make in LISTS[title][0]]
        right, wrong = rate(made, expected=True)
        lines.append(f"| {title} | {len(made)} | {right} | {right / len(made):.1%} |")
        left += [f"- {title}, not found: {one}" for one in wrong]
    plain = [one for title in titles for one in LISTS[title][1]()]
    right, wrong = rate(plain, expected=False)
    notebooks = corpus()
    stopped = stopped_by_text(notebooks)
    total, passed = len(plain) + len(notebooks), right + len(notebooks) - len(stopped)
    lines.append(f"| clean | {total} | {passed} | {(total - passed) / total:.1%} false alarms |")
    left += [f"- stopped for nothing: {one}" for one in [*wrong, *stopped]]
    return [*lines, *([""] if left else []), *left]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", choices=LISTS, nargs="+", help="these lists alone")
    options = parser.parse_args()
    head = f"Drawn with seed {options.seed}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}.\n"
    table = "\n".join([head, *measured(options.only or list(LISTS), options.seed), FIRST_SIGHT])
    print(table)
    if options.write and not options.only:
        RESULTS.write_text(table.rstrip() + "\n")


if __name__ == "__main__":
    main()
