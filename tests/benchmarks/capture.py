"""The corpus through nb2prod and through MLflow: does a clean environment answer as the notebook did, and is the rest refused?

    python tests/benchmarks/capture.py [--sample 20] [--write] [--only NAME …]

Every notebook is run in a process of its own, then handed over. nb2prod: capture and proof, `status` and whether it is the
outcome that the corpus expects. MLflow: `log_model`, told `cloudpickle`, with `infer_code_paths` where it has it and
MLFLOW_LOCK_MODEL_DEPENDENCIES on, then `mlflow.models.predict` with `env_manager="uv"` in an empty folder, its answers
compared with the kernel's; where they are not alike, once more with a signature of these rows. The clock runs from the last cell
to the answer. The sample is drawn with a seed, each kind of outcome in its share. The heading tells the machine's load: times
taken on a loaded one compare the two sides, no more.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("capture.md")
CORPUS = ROOT / "tests" / "corpus"
ROWS = 20
LONGEST = 1500
ALIKE, OTHER, UNSAVED = "answers alike", "other answers", "cannot be saved"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(SIDES[options.one[0]](options.one[1])))
        return
    names = options.only or sample(options.sample)
    found: list[dict[str, Any]] = []
    for name in names:
        found.append({"name": name, **{side: one(side, name) for side in SIDES}, "load": os.getloadavg()[0]})
        print(found[-1], file=sys.stderr, flush=True)
        if options.write:
            RESULTS.write_text(table(found) + "\n")
    print(table(found))


def wanted(name: str) -> dict[str, Any]:
    return json.loads((CORPUS / f"{name}.json").read_bytes())


def sample(size: int) -> list[str]:
    draw = random.Random(2026)
    kinds: dict[str, list[str]] = {}
    for path in sorted(CORPUS.glob("*.ipynb")):
        kinds.setdefault(wanted(path.stem)["status"], []).append(path.stem)
    total = sum(map(len, kinds.values()))
    return sorted(name for names in kinds.values() for name in draw.sample(names, round(size * len(names) / total)))


def one(side: str, name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="nb2prod-bench-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, str(Path(__file__)), "--one", side, name],
                capture_output=True,
                text=True,
                cwd=folder,
                env={
                    **os.environ,
                    "NB2PROD_HOME": f"{folder}/home",
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                },
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"outcome": f"no answer within {LONGEST} s", "seconds": float(LONGEST)}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"outcome": "fails: " + (done.stderr.strip().splitlines() or ["no word"])[-1][:120], "seconds": 0.0}


def notebook(name: str) -> tuple[dict[str, Any], Any, Any]:
    """The notebook run in this process: what is expected, what capture sees, the model and its data found."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]
    import contextlib
    import io

    from test_capturing_corpus import run

    from nb2prod.capturing import discovery

    with contextlib.redirect_stdout(io.StringIO()):
        told, seen = run(name, Path.cwd())
    given = {key: value for key, value in told.get("flags", {}).items() if key in ("name", "data", "labels")}
    try:
        return told, seen, discovery.find(told["model"], seen, **given)
    except Exception:  # what cannot even be found is for each side to refuse
        return told, seen, None


def ours(name: str) -> dict[str, Any]:
    """Capture and proof."""
    from nb2prod.capturing.capture import capture
    from nb2prod.errors import Nb2prodError
    from nb2prod.home import Home
    from nb2prod.sdk.proof import prove

    told, seen, _ = notebook(name)
    home, start = Home(), time.perf_counter()
    try:
        made = capture(told["model"], home=home, notebook=seen, **told.get("flags", {}))
        proof = prove(made, home=home)
    except Nb2prodError as error:
        right = told["status"] == "refused" and error.code == told["code"]
        return {"outcome": f"refused: {error.code}", "right": right, "seconds": time.perf_counter() - start}
    warned = [one.code for one in made.record.findings if one.severity == "warn"]
    outcome = "warned: " + ", ".join(warned) if warned else "captured"
    right = told["status"] != "refused" and warned == ([told["code"]] if "code" in told else [])
    right = right and proof.status == "verified"
    return {"outcome": f"{outcome}, {proof.status}", "right": right, "seconds": time.perf_counter() - start}


def theirs(name: str) -> dict[str, Any]:
    """`log_model`, then `predict` in a clean environment."""
    os.environ |= {"MLFLOW_LOCK_MODEL_DEPENDENCIES": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    wish, seen, found = notebook(name)
    sys.path.insert(0, str(Path.cwd()))
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
    model = found.model if found else seen.namespace.get(wish["model"])
    data = found.data if found else None
    start = time.perf_counter()

    def said(outcome: str, alike: bool = False) -> dict[str, Any]:
        answered = ALIKE in outcome or OTHER in outcome
        right = alike if wish["status"] != "refused" else not answered
        return {"outcome": outcome, "right": right, "seconds": time.perf_counter() - start}

    try:
        rows = data[:ROWS]
        expected = model.predict(rows) if hasattr(model, "predict") else model(rows)
    except Exception as error:
        return said(f"no answers here: {type(error).__name__}")
    outcome = _there(mlflow, model, rows, expected)
    if outcome == ALIKE or outcome.startswith(UNSAVED):
        return said(outcome, outcome == ALIKE)
    try:
        signature = mlflow.models.infer_signature(rows)
    except Exception as error:
        return said(f"{outcome}; no signature: {type(error).__name__}")
    told = _there(mlflow, model, rows, expected, signature=signature)
    return said(f"{outcome}; given a signature: {told}", told == ALIKE)


def _there(mlflow: Any, model: Any, rows: Any, expected: Any, **options: Any) -> str:
    """Log and ask in a clean environment: what came of it. Why it failed is in MLflow's own words on stderr."""
    try:
        info = _logged(mlflow, model, **options)
    except Exception as error:
        print(error, file=sys.stderr)
        return f"{UNSAVED}: {type(error).__name__}"
    with tempfile.TemporaryDirectory(prefix="empty-") as place:
        out = Path(place) / "answers.json"
        try:
            mlflow.models.predict(model_uri=info.model_uri, input_data=rows, env_manager="uv", output_path=str(out))
            got = json.loads(out.read_text())
        except Exception as error:
            print(error, file=sys.stderr)
            return f"fails there: {type(error).__name__}"
    return ALIKE if _alike(expected, got.get("predictions", got) if isinstance(got, dict) else got) else OTHER


def _logged(mlflow: Any, model: Any, **options: Any) -> Any:
    if hasattr(model, "get_params"):  # this one infers no code paths
        return mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", **options)
    function = model.predict if hasattr(model, "predict") else model

    class Wrapped(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return function(model_input)

    return mlflow.pyfunc.log_model(name="model", python_model=Wrapped(), infer_code_paths=True, **options)


def _alike(expected: Any, got: Any) -> bool:
    import numpy as np

    one = [list(row.values()) if isinstance(row, dict) else row for row in got]
    two = expected.to_numpy().tolist() if hasattr(expected, "to_numpy") else np.asarray(expected).tolist()
    a, b = np.asarray(one), np.asarray(two)
    if a.shape != b.shape:
        a, b = a.ravel(), b.ravel()
    if a.shape != b.shape:
        return False
    try:
        return bool(np.allclose(a.astype(float), b.astype(float), atol=1e-6, equal_nan=True))
    except (TypeError, ValueError):
        return [str(x) for x in a.ravel()] == [str(x) for x in b.ravel()]


def table(found: list[dict[str, Any]]) -> str:
    """One line a notebook, then the sums."""
    import mlflow

    every = len(list(CORPUS.glob("*.ipynb")))
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = statistics.median(one["load"] for one in found)
    head = (
        f"{len(found)} notebooks of the corpus of {every}, {when}, {os.cpu_count()} cores at a load of {load:.1f} (median; what "
        f"runs here is 1 to 2 of it), MLflow {mlflow.__version__}."
    )
    lines = [
        head,
        "",
        "| notebook | expected | nb2prod | s | MLflow | s |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        told = wanted(one["name"])
        cells = [one["name"], told["status"] + (f": {told['code']}" if "code" in told else "")]
        for side in SIDES:
            mark = "" if one[side].get("right") else " ✗"
            cells += [one[side]["outcome"] + mark, f"{one[side]['seconds']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(sums(side, found) for side in SIDES)])


def sums(side: str, found: list[dict[str, Any]]) -> str:
    """How many came out as expected, by what was expected; a side that warns of nothing is told by its outcomes."""
    right: dict[str, list[dict[str, Any]]] = {"captured": [], "warned": [], "refused": []}
    every = dict.fromkeys(right, 0)
    for one in found:
        status = wanted(one["name"])["status"]
        every[status] += 1
        if one[side].get("right"):
            right[status].append(one)
    served = [*right["captured"], *right["warned"]]
    warned = sum(one[side]["outcome"].startswith("warned") for one in right["warned"])
    taken = statistics.median([one[side]["seconds"] for one in served] or [0])
    return (
        f"- {side}: {len(served)} of {every['captured'] + every['warned']} that can be served answer alike in a clean environment"
        f" (median {taken:.1f} s), {warned} of {every['warned']} with the warning that is expected; {len(right['refused'])} of "
        f"{every['refused']} that should be refused are refused or fail before they answer."
    )


SIDES = {"nb2prod": ours, "MLflow": theirs}

if __name__ == "__main__":
    main()
