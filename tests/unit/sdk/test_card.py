"""The cards: text first, the same words in HTML, lines that run as they stand."""

from __future__ import annotations

import html
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from nb2prod.errors import Failed, Refused
from nb2prod.monitoring.report.words import measured
from nb2prod.records.capture import Column, Finding, Output, Signature
from nb2prod.records.lifecycle import Plan, Step
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.proof import Verification
from nb2prod.records.serving import CanaryStatus
from nb2prod.sdk import card
from nb2prod.sdk.card import example
from nb2prod.sdk.card.words import milliseconds, score, size
from tests.unit.sdk import samples

FIRST = """\
Capture    0.9 s   HistGradientBoostingClassifier in a Pipeline · 3 columns · delayutils.py · 63 packages
Verify     4.2 s   114 rows answer as in this kernel, bit for bit, in a clean environment and over HTTP
Register   0.2 s   delays version 3
Package    0.1 s   41 MB
Deploy     1.4 s   2 workers

delays 3 is live at http://127.0.0.1:3080                                               replaced version 2 without a gap

Try it     deployment.predict(X_test.head())
           curl -s http://127.0.0.1:3080/predict -d '{"inputs": [{"hour": 1, "temp": 1.5, "origin": "EWR"}]}'
Changed    3 of 114 answers differ from version 2; hold-out ROC AUC .71 (version 2: .70)
Heads up   Cell 7 (In [12]) changed `clean` after the model was fitted. The service runs the older one, as the model
           does. To use the new one, run cells 7 to 9 and %deploy again.
Watching   3 columns, score and confidence against 81,204 training rows. One false alarm in 20 such lives.
Next       deployment.report()   deployment.drift()   %deployments   stop: deployment.stop()"""


def replaced(**more: object) -> dict[str, object]:
    return {
        "replaced": 2,
        "changed": 3,
        "compared": 114,
        "metric": "ROC AUC",
        "metric_now": 0.71,
        "metric_before": 0.70,
        **more,
    }


def test_the_card_of_a_deploy_reads_as_the_picture() -> None:
    made = samples.outcome(capture=samples.record(samples.STALE), **replaced())
    assert card.outcome(made).text() == FIRST


def test_a_first_version_has_nothing_to_compare_and_a_calm_one_no_heads_up() -> None:
    text = card.outcome(samples.outcome()).text()
    assert "Changed" not in text
    assert "Heads up" not in text
    assert "replaced" not in text


def test_a_worse_version_shows_the_line_that_undoes_it() -> None:
    text = card.outcome(samples.outcome(**replaced(metric_now=0.6))).text()
    assert "undo: %deploy models:/delays/2" in text
    text = card.outcome(samples.outcome(**replaced(metric_now=0.6)), voice="terminal").text()
    assert "undo: nb2prod deploy models:/delays/2" in text


@pytest.mark.parametrize(("metric", "shown"), [("RMSE", False), ("ROC AUC", True)])
def test_worse_knows_which_way_a_metric_runs(metric: str, shown: bool) -> None:
    text = card.outcome(samples.outcome(**replaced(metric=metric, metric_now=0.6))).text()
    assert ("undo" in text) is shown


def test_the_same_model_again_says_so_and_shows_no_steps() -> None:
    text = card.outcome(samples.outcome(unchanged=True)).text()
    assert text.startswith("delays 3 is already live: same model, same environment, same data")
    assert "Capture" not in text


def test_an_unverified_deploy_says_so_first() -> None:
    proof = Verification(capture="a", status="unverified", reason="No index is reachable.", fix="pip config list")
    assert (
        "Heads up   Not verified: No index is reachable.\n           pip config list"
        in card.outcome(samples.outcome(verification=proof)).text()
    )


def test_the_terminal_speaks_in_commands() -> None:
    text = card.outcome(samples.outcome(), voice="terminal").text()
    assert "deployment." not in text
    assert "nb2prod status delays" in text


def test_a_step_speaks_in_the_present_while_it_runs() -> None:
    steps = (samples.STEPS[0], Step(name="Verify", state="running", text="building a clean environment"))
    shown = card.progress(steps)
    assert shown.text().splitlines()[1] == "Verify         …   building a clean environment"
    assert 'aria-live="polite"' in shown.html()


def test_an_error_has_its_four_lines_in_order_close_under_its_title() -> None:
    problem = Refused(
        "`clean` opens a file that only this machine has",
        code="file-read",
        where='cell 4 (In [9]), line 3:  pd.read_csv("…/zones.csv") in clean',
        why="The service runs elsewhere; the replay asked for the file and did not find it.",
        fix='zones = pd.read_csv("…/zones.csv")\n# then use zones in clean',
        kept="nothing was registered; version 2 goes on answering",
    )
    assert card.error(problem, verb="deploy").text() == (
        "Not deployed: `clean` opens a file that only this machine has\n"
        '  where    cell 4 (In [9]), line 3:  pd.read_csv("…/zones.csv") in clean\n'
        "  why      The service runs elsewhere; the replay asked for the file and did not find it.\n"
        '  fix      zones = pd.read_csv("…/zones.csv")\n'
        "           # then use zones in clean\n"
        "  kept     nothing was registered; version 2 goes on answering"
    )


def test_only_an_error_that_is_ours_or_unknown_keeps_its_traceback() -> None:
    assert "Traceback" not in card.error(Refused("t", code="c")).html()
    try:
        try:
            raise ValueError("inside")
        except ValueError as error:
            raise Failed("the agent broke", code="agent") from error
    except Failed as problem:
        shown = card.error(problem)
    assert "ValueError: inside" in shown.html()
    assert "ValueError" not in shown.text()


MOVED = FeatureDrift(
    feature="temp", period=None, rows=45000, effect=0.41, low=0.38, drifted=True, direction="up", since="2013-05"
)
KNOWN = Performance(
    metric="ROC AUC", period="2013-06", n=5000, value=0.66, low=0.64, high=0.68, predicted=0.23, realised=0.31
)


def cards() -> list[card.Card]:
    moved, known = MOVED, KNOWN
    hostile = Finding(code="x", severity="warn", title="<script>alert(1)</script>", fix="a < b")
    return [
        card.outcome(samples.outcome(capture=samples.record(samples.STALE, hostile), **replaced())),
        card.deployment(samples.STATUS, drift=[moved], performance=[known]),
        card.deployments([samples.STATUS]),
        card.deployments([]),
        card.drift([moved], "delays"),
        card.performance([known], "delays"),
        card.error(Refused("t", code="c", where="w", why="y", fix="f", kept="k"), verb="deploy"),
        card.progress(samples.STEPS[:2]),
        card.verification(samples.PROOF, "delays"),
    ]


class Words(HTMLParser):
    """The text of a page without its style, and its open elements."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data.split()


@pytest.mark.parametrize("shown", cards(), ids=lambda shown: shown.head[:24] or "table")
def test_html_says_what_the_text_says_and_is_well_formed(shown: card.Card) -> None:
    page = Words()
    page.feed(shown.html())
    assert page.open == []
    words = set(page.words)
    missing = [word for word in shown.text().replace("`", " ").split() if word not in words]
    assert not [word for word in missing if word not in " ".join(page.words)]


@pytest.mark.parametrize("shown", cards(), ids=lambda shown: shown.head[:24] or "table")
def test_no_card_shouts_or_carries_a_script(shown: card.Card) -> None:
    assert "!" not in shown.text()
    assert "<script" not in shown.html()
    assert not re.search("[\U0001f300-\U0001faff☀-➿]", shown.text())


def test_colours_are_the_front_ends_own_or_a_fallback() -> None:
    from nb2prod.sdk.card.html import STYLE

    for found in re.findall(r"(?:color|background):([^;}]+)", STYLE):
        assert found.startswith("var(--jp-") or found in ("inherit", "none"), found


def test_the_request_to_paste_is_valid_json_of_the_models_columns() -> None:
    line = example.curl(samples.URL, samples.SIGNATURE)
    words = shlex.split(line)
    assert words[:3] == ["curl", "-s", f"{samples.URL}/predict"]
    assert list(json.loads(words[4])["inputs"][0]) == ["hour", "temp", "origin"]


def test_awkward_column_names_survive_the_shell() -> None:
    odd = Signature(
        columns=(Column(name='it\'s "odd" $HOME', kind="number", dtype="float64"),), output=Output(kind="number")
    )
    assert list(json.loads(shlex.split(example.curl(samples.URL, odd))[4])["inputs"][0]) == ['it\'s "odd" $HOME']


def test_arrays_and_texts_are_asked_in_their_own_shape() -> None:
    columns = tuple(Column(name=f"x{n}", kind="number", dtype="float64") for n in range(2))
    array = Signature(columns=columns, output=Output(kind="number"), rows="array")
    assert example.body(array) == {"inputs": [[1.5, 1.5]]}
    texts = Signature(
        columns=(Column(name="text", kind="text", dtype="object"),), output=Output(kind="class"), rows="texts"
    )
    assert example.body(texts) == {"inputs": ["a text to classify"]}
    assert example.predict("deployment", samples.record(signature=array)) == "deployment.predict(X_test[:5])"


def test_status_answers_is_it_up_and_is_it_right() -> None:
    text = cards()[1].text()
    assert "● live · 3,002 requests since the last start · p50 2.0 ms · p99 7.1 ms · 0 errors" in text
    assert "1 drift: temp up since May 2013" in text
    assert "ROC AUC .66 (.64 to .68) over 5,000 rows" in text


def test_a_status_without_labels_shows_the_line_that_brings_them() -> None:
    text = card.deployment(samples.STATUS, drift=[], performance=[], voice="terminal").text()
    assert "No labels yet." in text
    assert "nb2prod feedback delays labels.parquet" in text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (score(0.7051), ".71"),
        (score(1.0), "1.00"),
        (score(-0.2), "-.20"),
        (score(12.345), "12.3"),
        (score(None), "–"),
        (milliseconds(2.04), "2.0 ms"),
        (milliseconds(144.2), "144 ms"),
        (size(41_000_000), "41 MB"),
        (size(900), "1 kB"),
    ],
)
def test_numbers_are_written_alike_everywhere(written: str, expected: str) -> None:
    assert written == expected


def test_folds_hold_the_proof_and_the_lineage(tmp_path: Path) -> None:
    page = html.unescape(card.outcome(samples.outcome()).html())
    for words in ("service, many rows", "scikit-learn==1.9.0", "delays.ipynb", "In [12]", "models:/delays/3"):
        assert words in page


def test_what_comes_from_no_index_is_listed_as_carried() -> None:
    made = samples.outcome()
    around = msgspec.structs.replace(
        made.capture.environment,
        wheels=("own_thing-1.0-py3-none-any.whl", "given-2.0-py3-none-any.whl"),
        unlocked=("own-thing==1.0: on no index here; a wheel of its installed files travels with the model",),
    )
    capture = msgspec.structs.replace(made.capture, environment=around)
    page = html.unescape(card.outcome(msgspec.structs.replace(made, capture=capture)).html())
    assert "Carried" in page
    assert "own-thing==1.0: on no index here" in page
    assert "given-2.0-py3-none-any.whl, with its hash" in page
    assert "own_thing-1.0-py3-none-any.whl" not in page
    assert "Carried" not in card.outcome(made).html()


def test_whether_it_pays_is_said_by_the_users_own_metrics_or_how_to_bring_one() -> None:
    from nb2prod.records.alerts import Alert, Reading, Rule

    reading = Reading(verdict="warn", n=1200, value=0.0275, low=0.02, high=0.036)
    alert = Alert("conversion", below=0.03)
    rule = Rule(name="delays", alert=alert, text=alert.condition, place=1, added="", reading=reading)
    shown = card.deployment(samples.STATUS, limits=[rule], voice="terminal").text()
    assert (
        "conversion below 0.03 over 7d: past its limit, not yet for certain, 0.0275 (0.02 to 0.036) of 1,200" in shown
    )
    slow = msgspec.structs.replace(rule, alert=Alert("slow", above=0.01, over="1h"), text="slow above 0.01 over 1h")
    both = card.deployment(samples.STATUS, limits=[rule, slow], voice="terminal").text()
    assert "slow above 0.01 over 1h: past its limit" in both
    assert "No business metric yet" not in both
    told = msgspec.structs.replace(samples.STATUS, alerts=("delays: rows are refused", "delays: age has moved up"))
    one = msgspec.structs.replace(samples.STATUS, alerts=told.alerts[:1])
    assert "2 alerts stand: rows are refused, and 1 more" in card.deployment(told, drift=[], voice="terminal").text()
    assert "nb2prod alerts list delays" in card.deployment(told, drift=[], voice="terminal").text()
    assert "deployment.alerts(open=True)" in card.deployment(told).text()
    table = card.deployments([one]).text()
    assert "1 alert stands: rows are refused" in table
    assert "nb2prod alerts list delays" in table
    assert "alerts list" not in card.deployments([samples.STATUS]).text()
    assert "No business metric yet" in card.deployment(samples.STATUS, limits=[slow]).text()
    empty = card.deployment(samples.STATUS, limits=[], voice="terminal").text()
    assert "nb2prod alerts add delays 'conversion below 0.03 over 7d'" in empty


def test_labels_that_wait_for_their_prediction_are_said_in_place_of_no_labels() -> None:
    waiting = msgspec.structs.replace(samples.STATUS, labels_waiting=10, labels_unmatched=1)
    shown = " ".join(card.deployment(waiting, drift=[], performance=[]).text().split())
    assert "10 labels wait for their prediction" in shown
    assert "1 label matched no prediction" in shown
    assert "No labels yet" not in shown


def planned(**lineage: object) -> str:
    record = samples.record()
    record = msgspec.structs.replace(record, lineage=msgspec.structs.replace(record.lineage, **lineage))
    return card.plan(Plan(name="delays", capture=record, packages=63, bytes=41_000_000, files=("a",))).text()


def test_a_plan_names_the_notebooks_own_code() -> None:
    assert "Code       predict (cell 4), clean (cell 2), delayutils" in planned(
        definitions=("predict (cell 4)", "clean (cell 2)")
    )


def test_a_plan_says_where_the_stale_check_was_partial() -> None:
    assert "stale check: partial; the notebook was not saved" in planned(stale_check="partial")
    assert "its file" not in planned(stale_check="full")
    assert "the notebook's file was not found" in " ".join(planned(stale_check="partial", notebook=None).split())
    assert "stale check" not in planned(stale_check="full")


SHARED = msgspec.structs.replace(
    samples.STATUS,
    canary=CanaryStatus(
        version=4, percent=10, state="ready", answered=812, not_answered=3, outcomes={"unreachable": 2, "slow": 1}
    ),
)


def test_a_canary_stands_beside_the_version_with_what_became_of_its_share_and_how_it_goes_on() -> None:
    text = card.deployment(SHARED, voice="terminal").text()
    assert "version 3 · canary 4 at 10 %: ● ready · 812 requests answered by it" in text
    assert "3 of its share by version 3 (1 slow, 2 unreachable)" in " ".join(text.split())
    for line in ("nb2prod canary delays --percent 50", "nb2prod promote delays", "nb2prod canary delays --stop"):
        assert line in text
    assert "deployment.promote()" in card.deployment(SHARED).text()
    assert "3 · canary 4 at 10 %" in card.deployments([SHARED]).text()
    assert "canary" not in card.deployment(samples.STATUS, voice="terminal").text()


def test_a_deploy_that_began_as_a_canary_says_beside_what_and_how_it_goes_on() -> None:
    made = msgspec.structs.replace(
        samples.outcome(), version=4, replaced=None, canary=10.0, champion=3, changed=3, compared=114, metric="ROC AUC"
    )
    text = card.outcome(made, voice="terminal").text()
    assert "delays 4 answers 10 % beside version 3 at http://127.0.0.1:3080" in text
    assert "answers differ from version 3" in " ".join(text.split())
    assert "nb2prod promote delays" in text
    assert "end it: nb2prod canary delays --stop" in text
    worse = msgspec.structs.replace(made, metric_now=0.6, metric_before=0.7)
    assert "undo: nb2prod canary delays --stop" in card.outcome(worse, voice="terminal").text()


def test_a_few_labels_stand_beside_the_estimate_and_do_not_hide_it() -> None:
    known = {"value": 0.0, "low": 0.0, "high": 0.97, "realised": 0.0, "predicted": 0.64}
    few = Performance(metric="accuracy", period=None, n=1, interval="any time", **known)
    shown = " ".join(card.deployment(samples.STATUS, drift=[], performance=[few]).text().split())
    assert "accuracy .64 estimated; known .00 (.00 to .97) over 1 label" in shown
    assert measured(few) == "accuracy .64 estimated; known .00 (.00 to .97 at any time) over 1 label"
    many = msgspec.structs.replace(few, n=400, value=0.6, realised=0.6, low=0.53, high=0.67)
    shown = " ".join(card.deployment(samples.STATUS, drift=[], performance=[many]).text().split())
    assert "accuracy .60 (.53 to .67) over 400 rows" in shown
