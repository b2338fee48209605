"""The line behind %deploy."""

from __future__ import annotations

import pytest

from nb2prod.errors import UsageError
from nb2prod.notebook import arguments, line
from nb2prod.sdk.flags import FLAGS


@pytest.mark.parametrize(
    ("typed", "model"),
    [
        ("model", "model"),
        ("make_pipeline(scaler, model) --name delays", "make_pipeline(scaler, model)"),
        ("models['a b'] --strict", "models['a b']"),
        ("a if b else c --strict", "a if b else c"),
        ("--name delays model", "model"),
        ("f('--name x') --name y", "f('--name x')"),
        ("", ""),
    ],
)
def test_the_model_may_be_any_expression(typed: str, model: str) -> None:
    assert line.parse(typed).model == model


def test_each_flag_takes_its_words_and_brackets_hold_together() -> None:
    parsed = line.parse("m --holdout X_test y[0: 5] --data df[['a', 'b']] --nullable a --nullable=b --dry-run")
    assert parsed.words == {
        "--holdout": [("X_test", "y[0: 5]")],
        "--data": [("df[['a', 'b']]",)],
        "--nullable": [("a",), ("b",)],
        "--dry-run": [()],
    }


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("m --nmae x", "unknown-flag"),
        ("m --name", "flag-value"),
        ("m --holdout X --strict", "flag-value"),
        ("m --name a --name b", "flag-twice"),
        ("m --strict left", "left-over"),
        ("f(m --name a", "unfinished-line"),
    ],
)
def test_what_is_off_in_a_line_is_named_with_a_line_to_type(typed: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        line.parse(typed)
    assert caught.value.code == code
    assert caught.value.fix


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        line.parse("m --nmae x")
    assert "--name" in caught.value.why


def test_the_help_has_every_flag_with_an_example_that_parses() -> None:
    text = line.help_text()
    for flag in FLAGS:
        assert f"    {flag.usage}\n" in text
        assert flag.name in line.parse(f"model {flag.example}").words


def test_arguments_are_read_and_evaluated_where_they_are_python() -> None:
    namespace = {"X": [1, 2, 3], "y": [0, 1, 0]}
    parsed = line.parse(
        'm --data X --holdout X[:2] y --workers 3 --tolerance 1e-9 --name "delays" --env A --env B --strict'
    )
    assert arguments.arguments(parsed, namespace) == {
        "data": "X",
        "holdout": ([1, 2], "y"),
        "workers": 3,
        "tolerance": 1e-9,
        "name": "delays",
        "env": ("A", "B"),
        "strict": True,
    }


@pytest.mark.parametrize("typed", ["m --workers many", "m --golden all", "m --data X_trian", "m --tolerance much"])
def test_a_value_that_does_not_fit_is_a_usage_error(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        arguments.arguments(line.parse(typed), {"X_train": 1})
    assert caught.value.fix


def test_a_name_stays_a_name_and_an_expression_is_evaluated() -> None:
    assert arguments.model("model", {}) == "model"
    assert arguments.model("models:/delays/2", {}) == "models:/delays/2"
    assert arguments.model("a + 1", {"a": 2}) == 3


def test_a_missing_name_in_an_expression_is_named_with_its_neighbour() -> None:
    with pytest.raises(UsageError) as caught:
        arguments.model("f(modle)", {"f": len, "model": 1})
    assert caught.value.code == "no-such-variable"
    assert caught.value.fix == "%deploy f(model)"


def test_a_comment_behind_the_line_is_none_of_it() -> None:
    found = line.parse("score --tolerance 0.01 --name d      # or don't: np.random.seed(0) --x")
    assert (found.model, found.text) == ("score", "score --tolerance 0.01 --name d")
    assert found.words == {"--tolerance": [("0.01",)], "--name": [("d",)]}
    assert line.parse("model      # again").model == "model"
    assert line.parse("f('# 1') --name d").model == "f('# 1')"
