"""The command: its words, what it shows, its exit codes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from nb2prod import cli
from nb2prod.cli import spoken, verbs
from nb2prod.cli.run import run
from nb2prod.errors import Failed, Nb2prodError, Refused, Unverified, UsageError
from nb2prod.records.alerts import SLO, Alert, Rule
from nb2prod.sdk import notebooks, oneline
from nb2prod.sdk.flags import FLAGS, given
from nb2prod.sdk.steps import CaptureOptions
from tests.unit.sdk import samples
from tests.unit.sdk.twin import Deployment, Twin, twin

__all__ = ["twin"]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "delays.ipynb"
    path.write_text("{}")
    return path


@pytest.fixture
def live(twin: Twin) -> Deployment:
    twin.known["delays"] = Deployment(None, samples.STATUS, twin)
    return twin.known["delays"]


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_deploy_runs_a_notebook_and_ends_in_the_card(
    twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "deploy",
        str(notebook),
        "--model",
        "clf",
        "--name",
        "delays",
        "--holdout",
        "X_test",
        "y_test",
        "--nullable",
        "a",
    ]
    assert run(words) == 0
    assert twin.asked[0] == ("notebook", str(notebook))
    options = {"name": "delays", "holdout": ("X_test", "y_test"), "nullable": ("a",), "cell_timeout": 600}
    assert twin.asked[1] == ("clf", options)
    out = capsys.readouterr().out
    assert out.startswith("Capture    0.9 s")
    assert "delays 3 is live at http://127.0.0.1:3080" in out
    assert "nb2prod status delays" in out


def test_deploy_takes_a_registered_version(twin: Twin) -> None:
    assert run(["deploy", "models:/delays/2"]) == 0
    assert twin.asked == [("models:/delays/2", {})]


def test_dry_run_shows_the_plan(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", str(notebook), "--dry-run"]) == 0
    assert "nothing was made" in capsys.readouterr().out


def test_json_is_one_document_with_the_outcome(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", str(notebook), "--json"]) == 0
    document = told(capsys)
    assert (document["name"], document["version"], document["url"]) == ("delays", 3, samples.URL)
    assert document["verification"]["status"] == "verified"


@pytest.mark.parametrize(("kind", "code"), [(Refused, 1), (Unverified, 3)])
def test_a_refusal_shows_its_four_lines_on_stderr_and_has_its_exit_code(
    kind: type[Refused], code: int, twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = kind("`clf` is not fitted", code="not-fitted", where="cell 3", why="No fit.", fix="clf.fit(X, y)")
    assert run(["deploy", str(notebook)]) == code
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.startswith("Not deployed: `clf` is not fitted\n  where    cell 3\n")


def test_with_json_an_error_is_the_seven_keys(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin.raises = Refused("t", code="c")
    assert run(["deploy", str(notebook), "--json"]) == 1
    assert list(told(capsys)["error"]) == ["code", "title", "where", "why", "fix", "kept", "status"]


def test_an_interrupt_is_130_and_says_what_was_kept(
    twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = KeyboardInterrupt()
    twin.raises.add_note("version 1 is registered")
    assert run(["deploy", str(notebook)]) == 130
    assert capsys.readouterr().err.strip() == "interrupted: version 1 is registered"


def test_an_unknown_error_shows_its_traceback(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin.raises = ZeroDivisionError("inside")
    assert run(["deploy", str(notebook)]) == 1
    err = capsys.readouterr().err
    assert "nb2prod broke: ZeroDivisionError" in err
    assert "Traceback" in err


@pytest.mark.parametrize(
    "words",
    [["deploy"], ["nope"], ["deploy", "missing.ipynb"], ["list", "--nope"], ["deploy", "a.ipynb", "--workers", "x"]],
)
def test_wrong_usage_is_2_with_a_fix(words: list[str], twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert "fix" in capsys.readouterr().err


def test_verify_says_what_the_proof_says(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(notebook), "--json"]) == 0
    assert told(capsys)["status"] == "verified"
    assert run(["verify", str(notebook), "--name", "delays"]) == 0
    assert capsys.readouterr().out.startswith("delays is verified")


def test_a_report_is_text_or_json_or_one_file(
    live: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report"]) == 0
    assert capsys.readouterr().out.startswith("delays 3: no rows of version 3 yet")
    assert run(["report", "delays", "--json"]) == 0
    assert told(capsys)["training_rows"] == 9
    assert run(["report", "delays", "--html", str(tmp_path / "r.html")]) == 0
    assert "Is it right?" in (tmp_path / "r.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["report", "--grafana"]) == 0
    assert told(capsys)["uid"] == "nb2prod"


def test_list_and_status(live: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    assert "http://127.0.0.1:3080" in capsys.readouterr().out
    assert run(["list", "--json"]) == 0
    assert [one["name"] for one in told(capsys)["deployments"]] == ["delays"]
    assert run(["status"]) == 0
    assert "1 drift: temp up since May 2013" in capsys.readouterr().out
    assert run(["status", "delays", "--json"]) == 0
    document = told(capsys)
    assert {"url", "name", "version", "state", "workers", "model_uri", "bento"} <= set(document)
    assert [worker["pid"] for worker in document["workers"]] == [4711, 4712]


def test_a_name_that_is_not_there_is_1(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "nope"]) == 1
    assert "There is no deployment `nope`" in capsys.readouterr().err


def test_without_a_name_and_with_none_or_many_the_question_is_put(
    twin: Twin, live: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.known["other"] = live
    assert run(["status"]) == 2
    assert "delays" in capsys.readouterr().err


def test_logs_and_drift(live: Deployment, twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "delays", "-n", "2"]) == 0
    assert capsys.readouterr().out == "line 0\nline 1\n"
    assert run(["logs", "delays", "--json"]) == 0
    assert told(capsys) == {"name": "delays", "lines": ["line 0", "line 1", "line 2"]}
    assert run(["logs", "delays", "--json", "--follow"]) == 2
    capsys.readouterr()
    assert run(["drift", "delays", "--by", "month", "--json"]) == 0
    assert told(capsys)["drift"][0]["since"] == "2013-05"
    assert twin.asked[-1] == ("drift", "month")


def test_what_a_start_had_to_mend_stands_on_its_card(
    live: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "start", lambda _: warnings.warn("delays: The Bento was damaged", stacklevel=2))
    assert run(["start", "delays"]) == 0
    assert "Heads up   delays: The Bento was damaged" in capsys.readouterr().out
    assert run(["start", "delays", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == ["delays: The Bento was damaged"]


def test_stop_start_remove(live: Deployment, twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stop", "delays"]) == 0
    assert "nb2prod start delays" in capsys.readouterr().out
    assert run(["start", "delays"]) == 0
    assert run(["remove", "delays"]) == 0
    assert twin.asked == [("stop", "delays"), ("start", "delays"), ("remove", "delays", False)]


def test_purge_names_the_loss_and_wants_a_yes(live: Deployment, twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["remove", "delays", "--purge"]) == 2
    assert "will be lost" in capsys.readouterr().err
    assert twin.asked == []
    assert run(["remove", "delays", "--purge", "--yes"]) == 0
    assert twin.asked == [("remove", "delays", True)]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json", ".jsonl"])
def test_feedback_reads_a_file_and_leaves_what_is_not_known_yet(
    suffix: str, live: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"flight_id": [1, 2, 3], "late": [0, None, 1], "cost": [2.5, None, None]})
    file = tmp_path / f"labels{suffix}"
    write = {
        ".parquet": frame.to_parquet,
        ".csv": lambda path: frame.to_csv(path, index=False),
        ".json": frame.to_json,
        ".jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
    }
    write[suffix](file)
    assert (
        run(["feedback", "delays", str(file), "--id", "flight_id", "--label", "late", "--outcome", "cost", "--json"])
        == 0
    )
    assert live.told == [[{"id": 1, "label": 0.0, "outcomes": {"cost": 2.5}}, {"id": 3, "label": 1.0}]]
    said = told(capsys)
    assert (said["accepted"], said["empty"]) == (2, [2])


def test_feedback_takes_the_rows_of_a_file_that_it_can_and_names_the_others(
    live: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("order,late\ne29,\ne30,1\ne31,x\ne32,0\n")
    typed = ["feedback", "delays", str(file), "--id", "order", "--label", "late"]
    assert run(typed) == 1
    shown = capsys.readouterr().out
    assert "took 2 items" in shown
    assert "row 3 (e31): A label is a number." in shown
    assert "1 row with nothing in `late` (row 1); send the file again once it is known:" in " ".join(shown.split())
    assert [item["label"] for item in live.told[0]] == [1, "x", 0]
    assert run([*typed, "--json"]) == 1
    said = told(capsys)
    assert (said["accepted"], said["refused"][0]["row"], said["refused"][0]["id"]) == (2, 3, "e31")


def test_feedback_says_which_declared_outcome_a_file_has_and_was_not_sent(
    live: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = Alert("conversion", below=0.03)
    rule = Rule(name="delays", alert=alert, text=alert.condition, place=1, added="")
    monkeypatch.setattr(live, "limits", lambda: [rule])
    file = tmp_path / "f.csv"
    file.write_text("order,late,conversion,note\ne30,1,1,x\n")
    typed = ["feedback", "delays", str(file), "--id", "order", "--label", "late"]
    assert run(typed) == 0
    shown = capsys.readouterr().out
    assert "conversion: declared as outcome and not sent" in shown
    assert f"nb2prod feedback delays {file} --id order --label late --outcome conversion" in shown
    assert run([*typed, "--outcome", "conversion", "--json"]) == 0
    assert told(capsys)["unsent"] == []


def test_feedback_names_a_column_that_is_not_there(
    live: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("flight_id,late\n1,0\n")
    assert run(["feedback", "delays", str(file), "--id", "flight", "--label", "late"]) == 2
    assert "--id flight_id" in capsys.readouterr().err
    assert live.told == []


@pytest.mark.parametrize("name", verbs.VERBS)
def test_every_verb_has_help_that_ends_in_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1].strip().startswith(f"nb2prod {name}")
    assert any("--json" in line for line in lines)


def test_deploys_help_has_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    run(["deploy", "--help"])
    out = capsys.readouterr().out
    assert all(flag.name in out for flag in FLAGS)


def test_the_module_is_the_command_and_its_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom nb2prod.cli.run import run\nassert run(['--help']) == 0\n"
        "heavy = {'mlflow', 'bentoml', 'pandas', 'numpy', 'sklearn', 'sqlalchemy', 'rich', 'msgspec'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    version = subprocess.run([sys.executable, "-m", "nb2prod", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("nb2prod, version ")


def test_an_old_python_or_windows_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import nb2prod

    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    said = nb2prod.unsupported()
    assert said is not None
    assert "3.9" in said
    assert "ipykernel install" in said
    monkeypatch.setattr(sys, "platform", "win32")
    said = nb2prod.unsupported()
    assert said is not None
    assert "WSL 2" in said
    assert "\n" not in said


def test_an_old_python_is_one_document_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(sys, "argv", ["nb2prod", "list", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert "3.9" in str(ended.value.code)
    told = json.loads(capsys.readouterr().out)["error"]
    assert list(told) == SEVEN
    assert "python3.11 -m venv" in told["fix"]


SEVEN = ["code", "title", "where", "why", "fix", "kept", "status"]


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["nope"], "nb2prod --help"),
        (["lst"], "nb2prod list"),
        (["list", "--jsn"], "nb2prod list --json"),
        (["deploy"], "nb2prod deploy notebook.ipynb --model model"),
        (["deploy", "a.ipynb", "--holdut", "x", "y"], "nb2prod deploy a.ipynb --holdout x y"),
        (["deploy", "a.ipynb", "--name"], "nb2prod deploy a.ipynb --name delays"),
        (["deploy", "a.ipynb", "--workers", "x"], "nb2prod deploy a.ipynb --workers 4"),
        (["deploy", "a.ipynb", "--name", "--strict"], "nb2prod deploy a.ipynb --name delays --strict"),
        (["prune", "--keep", "0"], "nb2prod prune --help"),
        (["status", "nope"], "nb2prod list"),
        (["status"], "nb2prod deploy notebook.ipynb --model model"),
        (["deploy", "missing.ipynb"], "ls ./*.ipynb"),
        (["feedback", "delays"], "nb2prod feedback NAME labels.parquet --id flight_id --label late"),
        (["deploy", "a.ipynb", "--name", "d", "--p99-ms", "x"], "nb2prod deploy a.ipynb --name d --p99-ms 50"),
    ],
)
def test_whatever_is_off_in_a_command_has_where_why_fix_and_kept(
    words: list[str], fix: str, twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(words)
    lines = capsys.readouterr().err
    assert [label for label in ("where", "why", "fix", "kept") if f"\n  {label}" in lines] == SEVEN[2:6]
    assert run([*words, "--json"]) == code == (1 if words == ["status", "nope"] else 2)
    error = told(capsys)["error"]
    assert list(error) == SEVEN
    assert all(error.values())
    assert error["fix"].replace(" --json", "") == fix.replace(" --json", "")


def test_an_interrupt_and_an_unknown_error_have_the_same_keys_all_filled(
    twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for raised in (KeyboardInterrupt(), ZeroDivisionError("inside")):
        twin.raises = raised  # type: ignore[assignment]
        run(["deploy", str(notebook), "--json"])
        error = told(capsys)["error"]
        assert list(error) == SEVEN
        assert all(error.values())


def test_what_a_process_wrote_last_stands_below_the_four_lines(
    twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = Failed("It does not start", code="c", why="ValueError: bad").saying(["Traceback", "ValueError: bad"])
    run(["deploy", str(notebook)])
    err = capsys.readouterr().err
    assert err.index("kept") < err.index("Traceback")


def test_the_help_says_what_each_exit_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    out = capsys.readouterr().out
    assert all(word in out for word in ("Exit codes", "wrong usage", "not verified", "130"))


@pytest.mark.parametrize(
    ("code", "title"), [("no-such-variable", "There is no variable `clf`"), ("two-candidates", "Two variables fit")]
)
def test_what_was_typed_names_nothing_or_leaves_a_choice_open_is_2(
    code: str, title: str, twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = UsageError(title, code=code, where="%deploy clf", why="w", fix="%deploy model --data X")
    assert run(["deploy", str(notebook), "--model", "clf"]) == 2
    assert f"fix      nb2prod deploy {notebook} --model clf --data X" in capsys.readouterr().err


def test_the_rules_are_listed_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--rules", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["rules"]
    assert {"code": "secret", "severity": "refuse"}.items() <= next(
        one for one in listed if one["code"] == "secret"
    ).items()
    assert run(["verify", "--rules"]) == 0
    assert "# nb2prod: accept CODE: the reason" in capsys.readouterr().out
    assert run(["verify"]) == 2


def test_an_example_names_a_deployment_of_this_home(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    twin.known["churn"] = Deployment(None, msgspec.structs.replace(samples.STATUS, name="churn"), twin)
    run(["remove", "--json"])
    assert told(capsys)["error"]["fix"] == "nb2prod remove churn"


def test_a_fix_keeps_the_flags_that_were_typed(twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin.raises = UsageError("no", code="no", where="--alert x", fix="--alert 'conversion below 0.03 over 7d'")
    words = ["deploy", str(notebook), "--model", "clf", "--name", "d", "--env", "A", "--alert", "x", "--json"]
    run(words)
    fix = f"nb2prod deploy {notebook} --model clf --alert 'conversion below 0.03 over 7d' --name d --env A"
    assert told(capsys)["error"]["fix"] == fix


def test_service_levels_are_flags(twin: Twin, notebook: Path) -> None:
    assert run(["deploy", str(notebook), "--p99-ms", "50", "--availability", "0.999"]) == 0
    assert twin.asked[1][1]["slo"] == SLO(p99_ms=50, availability=0.999)
    assert run(["deploy", str(notebook), "--availability", "99.9"]) == 2


def test_without_words_the_help_is_shown_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) in (0, 2)
    said = capsys.readouterr()
    assert "Exit codes" in said.out + said.err
    assert "\n  fix " not in said.out + said.err


def test_every_flag_is_an_argument_of_both_deploys() -> None:
    own = set(inspect.signature(notebooks.deploy_notebook).parameters) | set(CaptureOptions.__annotations__)
    for flag in FLAGS:
        (keyword,) = given({flag.keyword: 0.5})
        assert keyword in inspect.signature(oneline.deploy).parameters
        assert keyword in own


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (UsageError("no", code="no-such-variable", where="%deploy clf", fix="%deploy model"), "--model model --name d"),
        (
            Refused("no", code="not-a-model", where="%deploy clf", fix="%deploy model --data clf"),
            "--model model --data clf --name d",
        ),
        (
            UsageError("no", code="no-data", where="--data", fix="%deploy model --data X"),
            "--model clf --data X --name d",
        ),
    ],
)
def test_where_the_model_is_what_is_wrong_the_fix_names_another(
    error: Nb2prodError, fix: str, twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = error
    run(["deploy", str(notebook), "--model", "clf", "--name", "d", "--json"])
    assert told(capsys)["error"]["fix"] == f"nb2prod deploy {notebook} {fix}"


def test_a_variable_is_exported_in_a_terminal() -> None:
    assert spoken.line("import os; os.environ['KEY'] = …") == "export KEY=…"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("There is no variable `nope`", code="c", why="w", fix="f"), "refused", 2),
        (Failed("broke", code="c", why="w", fix="f"), "unverified", 1),
    ],
)
def test_verify_has_one_shape_in_json_whatever_went_wrong(
    error: Nb2prodError, status: str, code: int, twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(notebook), "--json"]) == 0
    usual = set(told(capsys))
    twin.raises = error
    assert run(["verify", str(notebook), "--json"]) == code
    said = told(capsys)
    assert set(said) == usual | {"error"}
    assert (said["status"], said["reason"], said["fix"], said["warnings"]) == (status, "w", "f", [])


def test_a_notebook_that_is_not_there_is_no_other_one(
    twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(notebook.parent / "nowhere.ipynb"), "--json"]) == 2
    assert told(capsys)["fix"] == f"ls {notebook.parent}/*.ipynb"
    assert run(["verify", str(notebook.parent / "delay.ipynb"), "--json"]) == 2
    assert told(capsys)["fix"] == f"nb2prod verify {notebook} --model model"


def test_a_canary_begins_shows_changes_and_ends(live: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["canary", "delays", "4", "--percent", "10"]) == 0
    assert "delays: version 3 · canary 4 at 10 %" in capsys.readouterr().out
    assert run(["canary", "delays", "--percent", "50", "--json"]) == 0
    document = told(capsys)
    assert (document["version"], document["canary"]["version"], document["canary"]["percent"]) == (3, 4, 50)
    assert run(["promote", "delays"]) == 0
    assert "delays 4 takes all of the traffic, in place of 3" in capsys.readouterr().out
    assert run(["drift", "delays", "--version", "4", "--json"]) == 0
    capsys.readouterr()
    assert run(["canary", "delays", "--stop", "--json"]) == 0
    assert told(capsys) == {"name": "delays", "version": 3, "canary": None, "ended": 4}
    assert run(["canary", "delays", "--stop"]) == 1
    assert run(["canary", "delays", "--stop", "--percent", "5"]) == 2
    assert run(["canary", "delays", "four"]) == 2


def test_a_name_alone_shows_the_canary_or_that_there_is_none_and_which_rule_ended_the_last(
    live: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["canary", "delays"]) == 0
    out = capsys.readouterr().out
    assert "delays: no canary runs; version 3 answers everything" in out
    assert "version 4, until Fri 27 Nov 17:20 UTC" in out
    assert 'by rule "complaints above 0.08 over 1h"' in " ".join(out.split())
    assert run(["canary", "delays", "--json"]) == 0
    document = told(capsys)
    assert (document["version"], document["canary"], document["last"]["version"]) == (3, None, 4)
    assert run(["canary", "delays", "4"]) == 0
    capsys.readouterr()
    assert run(["canary", "delays", "--json"]) == 0
    assert told(capsys)["canary"]["version"] == 4


def test_a_rollback_while_there_is_a_canary_says_that_it_ended_and_how_to_begin_it_again(
    live: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["canary", "delays", "4", "--percent", "15"]) == 0
    capsys.readouterr()
    assert run(["rollback", "delays"]) == 0
    out = capsys.readouterr().out
    assert "delays: the canary of version 4 ended; version 3 answers everything, as before" in out
    assert "nb2prod canary delays 4 --percent 15" in out
    assert run(["rollback", "delays", "--json"]) == 0
    assert told(capsys) == {"name": "delays", "version": 2, "replaced": 3, "canary_ended": None}


@pytest.mark.parametrize(
    ("fix", "cell"),
    [
        ("run cell 4 again and %deploy again, or name what .fit saw: --data FRAME", 4),
        ("run cells 3 to 5 and %deploy again", 5),
        ("run cell 3, then cell 6, and %deploy again", 6),
    ],
)
def test_a_cell_is_not_to_be_run_again_where_all_are_run_in_their_order(
    fix: str, cell: int, twin: Twin, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.raises = Refused("stale", code="stale", where="cell 5", fix=fix)
    run(["deploy", str(notebook), "--model", "clf", "--strict", "--json"])
    load, first, second, third = told(capsys)["error"]["fix"].split("\n")
    assert (load, first) == ("%load_ext nb2prod", "%deploy clf")
    assert second.startswith(f"# in a cell of its own below cell {cell}: the cells after it are not run")
    assert third == f"nb2prod deploy {notebook} --model clf --strict"
    notebook.write_text("%load_ext nb2prod")
    twin.raises = Refused("stale", code="stale", where="cell 5", fix=fix)
    run(["deploy", str(notebook), "--model", "clf", "--strict", "--json"])
    assert told(capsys)["error"]["fix"].startswith("%deploy clf\n")
