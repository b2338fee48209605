from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb2prod.errors import UsageError
from nb2prod.monitoring.alerts import words
from nb2prod.records.alert_text import duration
from nb2prod.records.alerts import SLO, Alert, Rule
from nb2prod.records.base import from_json, to_json
from nb2prod.records.monitoring import Alarm


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ("conversion below 0.03 over 7d", Alert("conversion", below=0.03, over="7d")),
        (
            "false_positive_cost above 2 per prediction over 7d",
            Alert("false_positive_cost", above=2.0, per="prediction", over="7d", min_count=200),
        ),
        (
            "complaints above 2% over 12h where carrier=UA min 50 then notify then rollback",
            Alert(
                "complaints", above=0.02, over="12h", where={"carrier": "UA"}, min_count=50, then=("notify", "rollback")
            ),
        ),
        (
            "cost above 1.5 within 0..500 over 1d then run ./page.sh --now",
            Alert("cost", above=1.5, within=(0, 500), over="1d", then=("run ./page.sh --now",)),
        ),
        ("false_negative_cost above 3 each 40 over 2w", Alert("false_negative_cost", above=3, each=40, over="2w")),
        (
            "late_but_promised above 0.04 over 1h then stop canary then notify",
            Alert("late_but_promised", above=0.04, over="1h", then=("stop canary", "notify")),
        ),
        (
            "x above 2 where city='New York' then rollback",
            Alert("x", above=2, where={"city": "New York"}, then=("rollback",)),
        ),
        ("x above 2 where 'my city'=Ulm", Alert("x", above=2, where={"my city": "Ulm"})),
        ("x above 2 where city=O'Brien", Alert("x", above=2, where={"city": "O'Brien"})),
        (
            "x above 2 where city='it\\'s then' then run a 'b c'",
            Alert("x", above=2, where={"city": "it's then"}, then=("run a 'b c'",)),
        ),
        ("f1 below 0.5", Alert("f1", below=0.5)),
        ("outcome:f1 below 0.5", Alert("outcome:f1", below=0.5)),
    ],
)
def test_the_text_form_says_what_the_call_says(text: str, alert: Alert) -> None:
    assert Alert.parse(text) == alert
    assert Alert.parse(str(alert)) == alert
    assert from_json(to_json(alert), Alert) == alert


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("conversion", "METRIC above|below NUMBER"),
        ("conversion under 3", "METRIC above|below NUMBER"),
        ("conversion below many", "`many` is no number"),
        ("conversion below 0.03 over soon", "whole number and one of m, h, d, w"),
        ("conversion below 0.03 over 0d", "whole number"),
        ("conversion below 0.03 during 7d", "`during 7d` is none of"),
        ("conversion below 0.03 where carrier", "`where carrier` is none of"),
        ("conversion below 0.03 then explode", "`then` is notify, rollback, stop canary or run"),
        ("conversion below 0.03 then stop", "`then` is notify, rollback, stop canary or run"),
        ("3 below 0.03", "A metric is a name"),
        ("conversion below inf", "finite"),
        ("conversion below 1 each 3", "`each` is for"),
        ("conversion below 1 over 7d over 1d", "`over` is there twice"),
        ("roc_auc below 0.7", "outcome:roc_auc"),
        ("rmse above 3", "accuracy, precision, recall, f1"),
    ],
)
def test_what_is_no_alert_says_why_and_how_one_reads(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Alert.parse(text)
    assert why in caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize(
    "fields",
    [
        {"above": "2"},
        {"above": True},
        {"above": 2, "min_count": "5"},
        {"above": 2, "min_count": 2.5},
        {"above": 2, "within": (0, "a")},
        {"above": 2, "within": 7},
        {"above": 2, "then": 5},
    ],
)
def test_a_field_of_another_type_is_no_alert(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Alert("cost", **fields)
    assert caught.value.why
    assert caught.value.fix


@given(st.text(min_size=1), st.text())
def test_every_slice_has_a_text_form(column: str, value: str) -> None:
    alert = Alert("cost", above=2, where={column: value}, then=("rollback",))
    assert Alert.parse(str(alert)) == alert


def test_an_outcome_by_the_name_of_a_metric_is_declared_as_one() -> None:
    assert (Alert("f1", below=0.5).outcome, Alert("outcome:f1", below=0.5).outcome) == (None, "f1")


def test_an_alert_has_one_limit() -> None:
    with pytest.raises(UsageError, match="no alert"):
        Alert("conversion", below=1, above=2)
    with pytest.raises(UsageError):
        Alert("conversion")


def test_service_levels_stand_for_limits_and_say_what_is_wrong() -> None:
    assert [one.metric for one in SLO(p99_ms=50, availability=0.999).alerts()] == ["slow", "availability"]
    for wrong in ({}, {"p99_ms": -1}, {"availability": 99.9}):
        with pytest.raises(UsageError) as caught:
            SLO(**wrong)
        assert caught.value.fix == "--p99-ms 50 --availability 0.999      (slo=SLO(p99_ms=50, availability=0.999))"


@given(st.integers(1, 9999), st.sampled_from("mhdw"))
def test_every_length_of_time_is_read(count: int, unit: str) -> None:
    assert duration(f"{count}{unit}") == count * {"m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]


def test_errors_are_told_as_errors() -> None:
    alarm = Alarm(
        feature="@labels",
        kind="performance",
        effect=0.1,
        bound=0.05,
        first_row=0,
        earliest=0,
        latest=10,
        raised=10,
        direction="errors 0.2 on the hold-out to 0.3, certainly above 0.25",
        group=0,
        evidence=4.0,
    )
    assert words.drift_title("delays", [alarm], 0.0) == (
        "delays: errors are certainly above the hold-out's since about Thu 01 Jan 00:00 UTC"
    )
    assert words.drift_what([alarm]) == (
        "errors 0.2 on the hold-out to 0.3, certainly above 0.25 (certain to 95 % over the whole life)"
    )


def test_errors_are_named_once_beside_columns() -> None:
    errors = "errors 0.0769 on the hold-out to 0.288, certainly above 0.2"
    said = words.drift_what([alarm("age"), alarm("@labels", "performance", direction=errors)])
    assert said.startswith(f"age up; {errors}; by at least")


def test_a_limit_of_ones_own_on_refused_rows_is_told_apart_from_the_built_in_one() -> None:
    def title(place: int, alert: Alert) -> str:
        return words.rule_title("delays", Rule(name="delays", alert=alert, text=str(alert), place=place, added=""))

    assert title(0, Alert("rejected", above=0.02)) == "delays: rows are refused before they reach the model"
    assert title(3, Alert("rejected", above=0.05, over="1d")) == (
        "delays: more than 5 % of rows over 1d are refused before they reach the model"
    )


def alarm(
    feature: str, kind: str = "drift", bound: float = 0.2, ended: int | None = None, direction: str = "up"
) -> Alarm:
    return Alarm(
        feature=feature,
        kind=kind,
        effect=bound + 0.1,
        bound=bound,
        first_row=0,
        earliest=0,
        latest=10,
        raised=10,
        direction=direction,
        group=0,
        evidence=4.0,
        ended=ended,
    )


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ([("age", "drift")] * 2, "age has moved up"),
        ([("age", "drift"), ("age", "drift"), ("@score", "prediction")], "age and the score have changed together"),
        ([("@labels", "performance"), ("@multivariate", "multivariate")], ""),
        ([(name, "drift") for name in "abcda"], "a, b, c and 1 more have changed together"),
        ([("age", "drift"), ("@multivariate", "multivariate")], "age has moved up"),
        (
            [("age", "drift"), ("@labels", "performance")],
            "age has moved up and errors are certainly above the hold-out's",
        ),
    ],
)
def test_a_title_names_each_thing_once_and_errors_as_errors(given: list[tuple[str, str]], title: str) -> None:
    joint = "the columns go together otherwise than in training and errors are certainly above the hold-out's"
    said = words.drift_title("delays", [alarm(feature, kind) for feature, kind in given], 0.0)
    assert said == f"delays: {title or joint} since about Thu 01 Jan 00:00 UTC"


def test_what_happened_says_each_feature_once_by_what_stands_and_is_most_certain() -> None:
    given = [
        alarm("age", bound=0.9, ended=50, direction="up: median 40 to 60"),
        alarm("age", bound=0.2, direction="up: median 40 to 45"),
        alarm("age", bound=0.3, direction="up: median 40 to 50"),
        *(alarm(name, direction="down") for name in "bcdefg"),
    ]
    said = words.drift_what(given)
    assert said.startswith("age up: median 40 to 50; b down; c down; d down; e down; and 2 more; by at least 0.3")
