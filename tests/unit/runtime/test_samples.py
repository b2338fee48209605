"""Raw rows that are kept because somebody asked: drawn evenly and once, without denied columns, within days and bytes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from spooling import NOON, SIGNATURE, answers, baseline

from nb2prod.errors import UsageError
from nb2prod.records.sampling import Sampling
from nb2prod.runtime.batches import Batch
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import Rows
from nb2prod.runtime.samples import Samples, drawn
from nb2prod.runtime.segments import Head

DAY = 86400
SECRET = "Erika-Personal-4711"
BASELINE = baseline()


def head(sequence: int = 1) -> Head:
    return Head(source="ab" * 16, sequence=sequence, name="delays", key="cd" * 16, rows=0)


def batch(n: int, arrived: float = NOON, first: int = 0) -> Batch:
    said = answers(n)
    columns = {"age": [float(first + i) for i in range(n)], "town": [SECRET] * n}
    return Batch("r1", 3, arrived, n, columns, said.predictions, said.probabilities)


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path)


def keep(samples: Samples, *batches: Batch, sequence: int = 1, rate: float = 1.0, deny: tuple[str, ...] = ()) -> int:
    return samples.keep(list(drawn(head(sequence), batches, SIGNATURE.names, Sampling(rate, deny))))


def test_rows_are_drawn_at_the_rate_and_a_segment_that_comes_again_is_not_kept_again(samples: Samples) -> None:
    taken = sum(keep(samples, batch(100), batch(100), sequence=number, rate=0.1) for number in range(1, 51))
    assert abs(taken - 1000) < 5 * np.sqrt(10_000 * 0.1 * 0.9)
    assert keep(samples, batch(100), batch(100), sequence=7, rate=0.1) == 0
    assert samples.state().kept == samples.state().taken == taken


def test_a_kept_row_is_the_row_its_answer_and_its_score(samples: Samples) -> None:
    keep(samples, batch(2, first=40), batch(1, NOON + 5, first=90))
    one, _, last = samples.draw(10)
    assert one.values == {"age": 40.0, "town": SECRET}
    assert (one.prediction, one.score, one.version, one.row, one.request_id) == (1, 0.75, 3, 0, "r1")
    assert (last.values["age"], last.arrived) == (90.0, NOON + 5)


def test_rows_of_an_array_model_have_their_columns_names_and_dates_are_text(samples: Samples) -> None:
    matrix = batch(2)
    matrix.columns = np.array([[1.5, 2.0], [3.5, 4.0]], np.float32)
    dates = batch(2)
    dates.columns = {"age": np.array(["2026-01-31T10:00", "NaT"], "datetime64[ns]"), "town": ["a", None]}
    keep(samples, matrix, dates, deny=("town",))
    assert [one.values for one in samples.draw(4)] == [
        {"age": 1.5},
        {"age": 3.5},
        {"age": "2026-01-31T10:00:00.000000000"},
        {"age": None},
    ]


def test_around_a_moment_as_many_come_before_as_after(samples: Samples) -> None:
    for second in range(100):
        keep(samples, batch(1, NOON + second, first=second), sequence=second + 1)
    near = [int(one.values["age"]) for one in samples.draw(6, [NOON + 50])]
    assert near == [47, 48, 49, 50, 51, 52]
    late = [int(one.values["age"]) for one in samples.draw(6, [NOON + 98])]
    assert late == [94, 95, 96, 97, 98, 99]
    two = [int(one.values["age"]) for one in samples.draw(8, [NOON + 20, NOON + 80])]
    assert two == [18, 19, 20, 21, 78, 79, 80, 81]


def test_moments_that_lie_close_together_still_bring_as_many_rows_as_were_asked_for(samples: Samples) -> None:
    for second in range(100):
        keep(samples, batch(1, NOON + second, first=second), sequence=second + 1)
    close = [int(one.values["age"]) for one in samples.draw(9, [NOON + 50, NOON + 50, NOON + 51])]
    assert len(set(close)) == 9
    assert close == list(range(46, 55))


def test_old_rows_go_then_the_oldest_until_the_bytes_hold_and_the_file_shrinks(tmp_path: Path) -> None:
    samples = Samples(tmp_path)
    for day in range(40):
        keep(samples, batch(500, NOON + day * DAY), sequence=day + 1)
    full = samples.state().bytes
    assert samples.prune(30, 2**30, NOON + 40 * DAY) == 10 * 500
    assert samples.draw(1, [0.0])[0].arrived == NOON + 10 * DAY
    assert samples.prune(30, full // 4, NOON + 40 * DAY) > 5000
    state = samples.state()
    assert state.bytes <= full // 4
    assert samples.path.stat().st_size < full // 3
    assert state.taken == 20_000 == state.kept + state.expired
    assert samples.draw(1, [NOON + 99 * DAY])[0].arrived == NOON + 39 * DAY
    samples.close()


class Service:
    """A recorder that is counted and drawn from, as the agent does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recorder = SpoolRecorder(folder / "spool", name="delays", baseline=BASELINE, signature=SIGNATURE)

    def send(self, n: int) -> None:
        rows = Rows(n, {"age": [40.0] * n, "town": [SECRET] * n})
        self.recorder.record(rows, answers(n), request_id="r1", ids=None, times=None, version=1, arrived=NOON)

    def count(self, sample: Sampling | None) -> int:
        self.recorder.flush()
        counter = Counter(self.folder / "spool", self.folder / "counts", sample=sample)
        with counter.side.alone():
            counter.run()
        dropped = counter.side.total("sample_dropped")
        counter.close()
        return dropped


@pytest.fixture
def service(tmp_path: Path):
    (tmp_path / "home").mkdir()
    made = Service(tmp_path / "home")
    yield made
    made.recorder.close()


def places(folder: Path, word: bytes) -> list[str]:
    """The files that hold a word."""
    return [path.name for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def test_a_denied_column_is_in_no_file_once_rows_are_counted_and_all_others_are(service: Service) -> None:
    service.send(50)
    assert places(service.folder, SECRET.encode()) == ["ring-001"]
    service.count(Sampling(1.0, deny=("town",)))
    assert places(service.folder, SECRET.encode()) == []
    samples = Samples(service.folder / "counts")
    assert [one.values for one in samples.draw(50)] == [{"age": 40.0}] * 50
    samples.close()
    service.send(50)
    service.count(Sampling(1.0))
    assert places(service.folder, SECRET.encode())[0].startswith("samples.db")


def test_without_a_sampling_no_row_stays(service: Service) -> None:
    service.send(5)
    service.count(None)
    assert places(service.folder, SECRET.encode()) == []
    assert not (service.folder / "counts" / "samples.db").exists()


def test_what_is_let_go_leaves_no_bytes(service: Service) -> None:
    service.send(50)
    service.count(Sampling(1.0))
    samples = Samples(service.folder / "counts")
    assert samples.prune(1, 2**30, NOON + 2 * DAY) == 50
    samples.close()
    assert places(service.folder, SECRET.encode()) == []


def test_a_sample_that_cannot_be_kept_is_counted_and_counting_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Samples, "keep", full)
    service.send(50)
    assert service.count(Sampling(1.0)) == 50
    counter = Counter(service.folder / "spool", service.folder / "counts")
    assert sum(one.rows for one in counter.page().increments) == 50
    counter.close()


@pytest.mark.parametrize(
    ("given", "deny", "why"),
    [
        (2.0, (), "between 0 and 1"),
        (True, (), "not bool"),
        (None, ("name",), "no sample is asked for"),
        ("often", (), "not str"),
    ],
)
def test_what_is_no_sampling_is_refused(given: object, deny: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Sampling.of(given, deny)
    assert why in caught.value.why


def test_sizes_are_read_as_people_write_them() -> None:
    assert [Sampling(0.1, bytes=size).bytes for size in ("1GiB", "1.5 MiB", "2000000", "3G")] == [
        2**30,
        3 * 2**19,
        2_000_000,
        3 * 2**30,
    ]
    assert Sampling.of(0.5, ["a"]) == Sampling(0.5, deny="a") == Sampling.of(Sampling(0.5), ("a", "a"))
    for size in ("1 furlong", 10):
        with pytest.raises(UsageError):
            Sampling(0.1, bytes=size)
