"""Where a model fails outside the notebook, its cell and line are named, with what mends it."""

from __future__ import annotations

from nb2prod.capturing import failure
from nb2prod.errors import Refused
from nb2prod.records.capture import Cell

CACHED = """import threading
class Cached:
    def __init__(self, clf, places):
        self.clf = clf
        self.lock = threading.Lock()
        self.room = threading.Semaphore(places)
    def __getstate__(self): return {'clf': self.clf}
    def predict(self, X):
        with self.lock:
            return self.clf.predict(X)"""
CELLS = (Cell(execution=4, index=3, source=CACHED), Cell(execution=5, index=4, source="model = Cached(clf, 2)"))


def told(why: str, where: str = "<dynamic-code>, line 9, in predict", cells: tuple[Cell, ...] = CELLS) -> Refused:
    said = {
        "title": "The model fails outside the notebook",
        "code": "replay-failed",
        "where": where,
        "why": why,
        "fix": "x",
    }
    return failure.refusal(said, "", cells)


def test_the_line_of_the_cell_is_named() -> None:
    assert told("ValueError: no").where == "cell 3 (In [4]), line 9, in predict"
    assert told("ValueError: no").fix.startswith("mend line 9 of cell 3, then run it")
    assert told("ValueError: no", "/lib/base.py, line 3, in fit").where == "/lib/base.py, line 3, in fit"


def test_an_attribute_that_did_not_go_along_is_made_again() -> None:
    fix = told("AttributeError: 'Cached' object has no attribute 'lock'").fix
    first, second = fix.split("\n")
    assert first == "def __setstate__(self, state): self.__dict__.update(state); self.lock = threading.Lock()"
    assert second.startswith("# in class Cached (cell 3); then run it")


def test_what_was_made_of_an_argument_is_not_made_again_by_its_line() -> None:
    assert "Semaphore" not in told("AttributeError: 'Cached' object has no attribute 'room'").fix


def test_no_fix_has_a_placeholder() -> None:
    for where in (
        "<dynamic-code>, line 9, in predict",
        "/lib/base.py, line 3, in fit",
        "<dynamic-code>, line 99, in other",
    ):
        assert "NOTEBOOK" not in told("ValueError: no", where).fix
        assert "dynamic-code" not in told("ValueError: no", where).where
