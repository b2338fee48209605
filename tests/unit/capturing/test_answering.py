"""Answers that are not one a row are refused, with a line that makes them so: here each line is run."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from nb2prod.capturing import answering, discovery, scores
from nb2prod.capturing import capture as capturing
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.signature import signature
from nb2prod.errors import Refused
from nb2prod.records.capture import Answers, Signature
from nb2prod.runtime import flavors
from nb2prod.runtime.frames import predictions as again
from nb2prod.runtime.wire import answers_to_wire
from nb2prod.sdk.answers import as_in_kernel

FRAME = pd.DataFrame({"a": np.arange(5.0), "b": np.arange(5.0) * 2})


class Band(Enum):
    LOW = "low"
    HIGH = "high"


class Pair:
    """Two answers as a tuple of arrays, as a mean and its error are given."""

    def predict(self, frame: pd.DataFrame) -> Any:
        return frame["a"].to_numpy(), frame["b"].to_numpy()


def found(function: Any) -> tuple[Found, dict[str, Any]]:
    names = {"model": function, "df": FRAME}
    return discovery.find("model", Notebook(names), data="df"), names


def asked(function: Any) -> Any:
    live, _ = found(function)
    return answering.answer(flavors.of(live.model), live, live.data)[0]


def refused(function: Any) -> tuple[Refused, Callable[[], Any]]:
    """The refusal, and what comes out when its line is run."""
    live, names = found(function)
    with pytest.raises(Refused) as caught:
        answering.answer(flavors.of(live.model), live, live.data)

    def run() -> Any:
        line, deploy = caught.value.fix.split("\n")
        exec(line, names)
        _, name, *data = deploy.split()
        assert data == ["--data", "df"]
        return asked(names[name])

    return caught.value, run


@pytest.mark.parametrize(
    ("price", "each"),
    [
        (lambda row: row["a"] + 1 if row["a"] > 2 else 0.0, 'frame.to_dict("records")'),
        (lambda row: row.a + 1 if row.a > 2 else 0.0, "frame.iterrows()"),
    ],
)
def test_a_function_of_one_row_is_told_the_line_that_asks_it_row_by_row(price: Any, each: str) -> None:
    refusal, run = refused(price)
    assert refusal.code == "fails-here"
    assert each in refusal.fix
    assert run() == [0.0, 0.0, 0.0, 4.0, 5.0]


def test_what_fails_on_one_row_too_says_how_to_see_it() -> None:
    def broken(rows: Any) -> Any:
        raise KeyError("c")

    refusal, _ = refused(broken)
    assert (refusal.fix, refusal.why) == ("model(ROWS)", "KeyError: 'c'")


def test_an_answer_to_the_whole_frame_is_asked_for_row_by_row() -> None:
    refusal, run = refused(lambda frame: float(frame["a"].sum()))
    assert refusal.code == "wrong-count"
    assert refusal.title == "`model` gave one float to 5 rows"
    assert run() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_several_arrays_are_named() -> None:
    refusal, run = refused(Pair())
    assert refusal.title == "`model` gave 2 answers to 5 rows"
    assert list(run()) == ["y0", "y1"]


@pytest.mark.parametrize(
    ("function", "title", "fix"),
    [
        (lambda frame: None, "gave None to 5 rows", "end `model` with: return PREDICTIONS"),
        (lambda frame: [1, 2], "gave 2 answers to 5 rows", "return one prediction a row from predict"),
        (lambda frame: {"p": [1], "q": [1, 2]}, "gave one dict to 5 rows", "frame.iloc[[i]]"),
        (lambda frame: set(frame["a"]), "gave one set to 5 rows", "frame.iloc[[i]]"),
    ],
)
def test_no_answers_and_answers_without_an_order_are_refused(function: Any, title: str, fix: str) -> None:
    refusal, _ = refused(function)
    assert title in refusal.title
    assert fix in refusal.fix


def described(answers: Any) -> Signature:
    return signature(FRAME, answers, None, None)


def sent(answers: Any) -> tuple[Any, ...]:
    return answers_to_wire(answers, None, described(answers)).predictions


def test_a_dict_of_columns_is_an_object_a_row_and_comes_back_as_a_dict() -> None:
    answers = asked(lambda frame: {"low": frame["a"].to_numpy(), "band": ["x"] * len(frame)})
    made = described(answers)
    assert (made.output.container, made.output.names, made.output.kind) == ("dict", ("low", "band"), "object")
    assert sent(answers)[1] == {"low": 1.0, "band": "x"}
    back = as_in_kernel(Answers(predictions=sent(answers)), made, asked=FRAME)
    assert back == {"low": [0.0, 1.0, 2.0, 3.0, 4.0], "band": ["x"] * 5}


def test_columns_of_a_dict_may_be_vectors() -> None:
    answers = {"point": FRAME.to_numpy(), "cube": np.zeros((5, 2, 2)), "some": [[1]] * 4 + [[1, 2]]}
    assert described(answers).output.names == ("point", "cube", "some")
    assert sent(answers)[4] == {"point": [4.0, 8.0], "cube": [[0.0, 0.0], [0.0, 0.0]], "some": [1, 2]}
    assert described({"low": FRAME["a"], "high": FRAME["b"]}).output.kind == "number"


def test_a_generator_is_read_to_its_end_each_time() -> None:
    answers = asked(lambda frame: (value * 2 for value in frame["a"]))
    assert answers == [0.0, 2.0, 4.0, 6.0, 8.0]


@pytest.mark.parametrize("answers", [[[1, 2], [3, 4]], [[1], [2, 3]], [(1, 2), ()], np.arange(8).reshape(2, 2, 2)])
def test_a_row_may_be_answered_by_a_list_even_or_not(answers: Any) -> None:
    output = described(answers).output
    assert (output.kind, output.names) == ("object", ())
    wire = sent(answers)
    assert wire == tuple(row.tolist() if isinstance(row, np.ndarray) else list(row) for row in answers)
    np.testing.assert_equal(np.array(again(wire, output), object), np.array(list(wire), object))


def test_sets_and_enumerations_are_plain_on_the_wire() -> None:
    assert sent([{"b", "a"}, frozenset({2, 1})]) == (["a", "b"], [1, 2])
    assert sent([Band.LOW, Band.HIGH]) == ("low", "high")


@pytest.mark.parametrize(
    "function",
    [
        lambda frame: {"low": frame["a"], "high": frame["b"]},
        lambda frame: frame[["a"]],
        lambda frame: [{"p": 1.0} for _ in range(len(frame))],
        lambda frame: [[1.0]] * len(frame),
        RandomForestRegressor(n_estimators=2).fit(FRAME, FRAME),
    ],
)
def test_answers_that_are_more_than_a_number_have_no_reference_scores_and_say_so(function: Any) -> None:
    names = {"model": function, "df": FRAME, "y": FRAME["a"]}
    live = discovery.find("model", Notebook(names), data="df", holdout=("df", "y"))
    flavor = flavors.of(live.model)
    told = scores.reference(live, flavor, lambda rows: answering.answer(flavor, live, rows))
    assert told.values is None
    assert told.finding is not None
    assert told.finding.code == "no-reference-scores"
    assert "several numbers" in told.finding.why


def test_reference_scores_without_a_hold_out_say_that_they_are_out_of_fold() -> None:
    labels = (FRAME["a"] > FRAME["a"].median()).astype(int)
    model = RandomForestClassifier(n_estimators=2).fit(FRAME, labels)
    live = discovery.find("model", Notebook({"model": model, "df": FRAME, "y": labels}), data="df", labels="y")
    flavor = flavors.of(live.model)
    told = scores.reference(live, flavor, lambda rows: answering.answer(flavor, live, rows))
    assert told.values is not None
    assert told.finding is not None
    assert told.finding.code == "out-of-fold"
    assert told.metric((0, 1)) is None


def test_a_capture_asks_this_way() -> None:
    def by_row(row: Any) -> float:
        return 1.0 if float(row["a"]) > 0 else 0.0

    live = discovery.find("by_row", Notebook({"by_row": by_row, "df": FRAME}), data="df")
    with pytest.raises(Refused) as caught:
        capturing._ask(live, flavors.of(by_row), {}, "synthetic", 0.0)
    assert caught.value.code == "fails-here"
    assert "iterrows()" in caught.value.fix or 'to_dict("records")' in caught.value.fix
