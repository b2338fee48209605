"""Two versions side by side say what changed, and nothing of what did not."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import captures
import msgspec
import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.capturing import replay
from nb2prod.errors import NotFound
from nb2prod.home import Home
from nb2prod.records.base import to_json
from nb2prod.records.capture import Answers, Capture, Cell, Golden, HoldoutMetric
from nb2prod.sdk import card, difference
from nb2prod.sdk.baselines import moved


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def version(folder: Path, *, cell: str = "model.fit(X, y)", auc: float = 0.7, **options: object) -> Capture:
    made = captures.capture(folder, **options)  # type: ignore[arg-type]
    lineage = msgspec.structs.replace(made.record.lineage, cells=(Cell(execution=1, source=cell),))
    holdout = HoldoutMetric(name="roc_auc", value=auc, rows=50)
    record = msgspec.structs.replace(made.record, lineage=lineage, holdout=holdout)
    return Capture(made.folder, record, made.manifest)


def compared(old: Capture, new: Capture, home: Home) -> difference.Difference:
    return difference.compare(old, new, name="loans", versions=(3, 4), home=home)


def test_two_versions_that_are_one_differ_in_nothing(home: Home, tmp_path: Path) -> None:
    made = version(tmp_path / "one")
    found = compared(made, made, home)
    assert (found.code, found.packages, found.signature, found.python) == ((), (), (), None)
    assert found.answers.changed == 0
    assert card.difference(found).head == "loans: version 3 to version 4: nothing changed"


def test_code_packages_data_signature_and_metric_are_told(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = version(tmp_path / "old", lock="six==1.16.0\nzipp==3.0\n", modules={"rates.py": "RATE = 2\n"})
    new = version(
        tmp_path / "new",
        cell="model.fit(X, y, w)",
        auc=0.75,
        seed=1,
        lock="six==1.17.0\nattrs==24.1 \\\n    --hash=sha256:00\n",
        modules={"rates.py": "RATE = 3\n"},
    )
    given = old.golden
    assert given is not None
    flipped = tuple("no" if value == "yes" else "yes" for value in given.batch.predictions[:5])
    got = Answers(predictions=flipped + given.batch.predictions[5:])
    monkeypatch.setattr(difference.environments, "build_for", lambda *_, **__: type("B", (), {"python": Path()}))
    monkeypatch.setattr(replay, "answers", lambda *_, **__: got)
    found = compared(old, new, home)
    assert [change.name for change in found.code] == ["cells", "rates.py"]
    assert "-RATE = 2\n+RATE = 3" in found.code[1].diff
    assert [(one.name, one.before, one.after) for one in found.packages] == [
        ("attrs", None, "24.1"),
        ("six", "1.16.0", "1.17.0"),
        ("zipp", "3.0", None),
    ]
    assert (found.answers.changed, found.answers.compared) == (5, 20)
    assert found.quality is not None
    assert (found.quality.before, found.quality.after) == (0.7, 0.75)
    text = card.difference(found).text()
    assert "six 1.16.0 to 1.17.0" in text
    assert "5 of 20 stored rows get another answer (25%)" in text
    assert "ROC AUC 0.700 to 0.750" in text
    assert "+model.fit(X, y, w)" in text


def test_answers_that_could_not_be_asked_for_say_why(home: Home, tmp_path: Path) -> None:
    old = version(tmp_path / "old", golden=False)
    found = compared(old, old, home)
    assert found.answers.changed is None
    assert "no rows stayed" in card.difference(found).text()


def narrower(made: Capture, without: str, folder: Path) -> Capture:
    """A version that does not know one of the columns."""
    signature, golden = made.record.signature, made.golden
    assert golden is not None
    columns = tuple(column for column in signature.columns if column.name != without)
    rows = tuple({name: value for name, value in row.items() if name != without} for row in golden.rows)
    record = msgspec.structs.replace(made.record, signature=msgspec.structs.replace(signature, columns=columns))
    shutil.copytree(made.folder, folder)
    (folder / "golden" / "golden.json").write_bytes(to_json(msgspec.structs.replace(golden, rows=rows)))
    return Capture(folder, record, made.manifest)


@pytest.mark.parametrize("newer_knows", [True, False])
def test_with_a_column_more_or_less_answers_are_compared_on_those_that_both_know(
    newer_knows: bool, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = version(tmp_path / "wide")
    narrow = narrower(wide, "income", tmp_path / "narrow")
    old, new = (narrow, wide) if newer_knows else (wide, narrow)
    asked = []

    def answers(capture: Capture, python: Path, golden: Golden, **_: object) -> Answers:
        asked.append((capture, golden.rows))
        return golden.batch

    monkeypatch.setattr(difference.environments, "build_for", lambda capture, home: SimpleNamespace(python=Path()))
    monkeypatch.setattr(replay, "answers", answers)
    monkeypatch.setattr(difference, "moved", lambda *_: ())
    found = compared(old, new, home)
    assert found.signature[0] == f"`income` (number) is {'new' if newer_knows else 'gone'}"
    assert found.answers.why == ""
    assert found.answers.changed == 0
    assert found.answers.compared
    assert all(capture is narrow and "income" not in row for capture, rows in asked for row in rows)
    assert "`income` (number) is" in card.difference(found).text()


def test_columns_that_each_has_alone_leave_no_row_to_compare(home: Home, tmp_path: Path) -> None:
    wide = version(tmp_path / "wide")
    one, other = (narrower(wide, name, tmp_path / name) for name in ("income", "age"))
    found = compared(one, other, home)
    assert found.answers.changed is None
    assert "each has columns that the other lacks" in card.difference(found).text()


def test_a_version_that_is_not_there_is_answered_with_those_that_are(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, number: int, home: Home) -> Capture:
        raise NotFound("The registry has no p7/9", code="no-such-version", fix="nb2prod list")

    monkeypatch.setattr(difference.registry, "fetch", missing)
    for known, fix in (((1, 2, 3), "nb2prod diff p7 1 3"), ((1,), "nb2prod list")):
        there = [SimpleNamespace(version=number) for number in known]
        monkeypatch.setattr(difference.registry, "versions", lambda name, home, there=there: there)
        with pytest.raises(NotFound) as caught:
            difference.diff("p7", 1, 9, home=home)
        assert caught.value.fix == fix


def frozen(folder: Path, **columns: object) -> Path:
    Baseline.from_frame(columns).save(folder)
    return folder


def test_a_column_of_the_same_law_has_a_small_index_and_a_moved_one_a_large(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    before = frozen(tmp_path / "a", calm=draw.normal(size=4000), later=draw.normal(size=4000))
    after = frozen(tmp_path / "b", calm=draw.normal(size=3000), later=draw.normal(1, size=3000))
    first, last = moved(before, after)
    assert (first.name, last.name) == ("later", "calm")
    assert first.psi > 0.5
    assert last.psi < 0.02
    assert first.what.startswith("median")


def test_a_level_that_came_and_missing_values_are_told(tmp_path: Path) -> None:
    before = frozen(tmp_path / "a", town=["a"] * 60 + ["b"] * 40, age=[1.0, 2.0, 3.0, 4.0] * 25)
    after = frozen(tmp_path / "b", town=["a"] * 20 + ["c"] * 80, age=[1.0, 2.0, 3.0, None] * 25)
    told = {one.name: one.what for one in moved(before, after)}
    assert told["town"] == "`c` 0% to 80%"
    assert told["age"].startswith("median 2")
    assert told["age"].endswith(", missing 0% to 25%")
