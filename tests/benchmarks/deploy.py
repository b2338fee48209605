"""How long `%deploy` takes, and where the seconds go; MLflow's `log_model` and `models serve` beside it, in the same run.

    python tests/benchmarks/deploy.py [--runs 3] [--empty] [--write]

The model is the demo's. Each run is a process of its own, with a home of its own: pandas and scikit-learn are imported and the
model is fitted before the clock starts, as in a notebook. The clock stops at the first prediction over HTTP that equals the
model's own. `known` finds lock and environment of an earlier run, `bare` does, too, but has no hold-out: copies of the model
are fitted for the reference scores. `new` makes both again from uv's warm cache, `empty` starts with no cache at all
(`--empty`: it downloads everything once).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("deploy.md")
CASES = {
    "known": "%deploy, lock and environment known",
    "bare": "%deploy without a hold-out, lock and environment known",
    "new": "%deploy, a new environment from a warm uv cache",
    "empty": "%deploy, every cache empty",
}
TARGETS = {"known": 8, "bare": 8, "new": 15, "empty": 90}
STEPS = ("Capture", "Verify", "Register", "Package", "Deploy")
ROWS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--empty", action="store_true", help="measure the empty cache, too")
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    parser.add_argument("--only", choices=["deploy", "mlflow", "import"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(ONE[options.one]()))
        return
    with tempfile.TemporaryDirectory(prefix="nb2prod-bench-") as folder:
        table = measured(options, Path(folder))
    print(table)
    if options.write:
        RESULTS.write_text(table + "\n")


def measured(options: argparse.Namespace, folder: Path) -> str:
    """Everything that was asked for, as one Markdown document."""
    parts = [heading()]
    if options.only in (None, "import"):
        parts.append(imports(options.runs))
    if options.only in (None, "deploy"):
        cases = ["known", "bare", "new", *(["empty"] if options.empty else [])]
        run("deploy", folder, cache=folder / "cache", log=True)  # what `known` finds
        found = {
            case: [deployed(case, folder) for _ in range(1 if case == "empty" else options.runs)] for case in cases
        }
        parts.append(deploy_table(found))
    if options.only in (None, "mlflow"):
        parts.append(mlflow_table({case: run(case, folder) for case in ("mlflow", "mlflow, locked")}))
    return "\n\n".join(parts)


def heading() -> str:
    cores, load = os.cpu_count(), os.getloadavg()[0]
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when} · Python {platform.python_version()} · {platform.machine()}, {cores} cores, load {load:.1f} at the start"


def imports(runs: int) -> str:
    """Medians of fresh processes."""
    bare = "import time; t = time.perf_counter(); import nb2prod; print(time.perf_counter() - t)"
    extension = (
        "import time; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance();"
        "t = time.perf_counter(); shell.run_line_magic('load_ext', 'nb2prod'); print(time.perf_counter() - t)"
    )
    rows = ["| | ms | at most |", "|---|---:|---:|"]
    for name, code, most in (("`import nb2prod`", bare, 50), ("`%load_ext nb2prod`", extension, 1000)):
        times = [float(python("-c", code).splitlines()[-1]) for _ in range(max(runs, 3) + 1)][1:]
        rows.append(f"| {name} | {statistics.median(times) * 1e3:.0f} | {most} |")
    return "\n".join(rows)


def deployed(case: str, folder: Path) -> dict[str, Any]:
    """One deploy in the state of caches that the case names."""
    if case == "empty":
        bare = Path(tempfile.mkdtemp(dir=folder, prefix="empty-"))
        return run("deploy", folder, cache=bare / "cache", UV_CACHE_DIR=str(bare / "uv"))
    if case == "new":
        shutil.rmtree(folder / "cache" / "environments", ignore_errors=True)
    told = {"new": {"BENCH_RELOCK": "1"}, "bare": {"BENCH_BARE": "1"}}
    return run("deploy", folder, cache=folder / "cache", **told.get(case, {}))


def deploy_table(found: dict[str, list[dict[str, Any]]]) -> str:
    rows = [
        "| median s | " + " | ".join(STEPS) + " | first answer | total | at most |",
        "|---|" + "---:|" * (len(STEPS) + 3),
    ]
    for case, runs in found.items():
        steps = [statistics.median(one["steps"].get(step, 0.0) for one in runs) for step in STEPS]
        total = statistics.median(one["total"] for one in runs)
        rest = max(total - sum(steps), 0.0)
        cells = [f"{seconds:.1f}" for seconds in (*steps, rest, total)]
        rows.append(f"| {CASES[case]} (n={len(runs)}) | " + " | ".join(cells) + f" | {TARGETS[case]} |")
    return "\n".join([*rows, "", "Capture itself: at most 2 where lock and environment are known."])


def mlflow_table(found: dict[str, dict[str, float]]) -> str:
    rows = ["| s | `log_model` | `models serve` | total | proven |", "|---|---:|---:|---:|---|"]
    names = {"mlflow": "MLflow as it comes", "mlflow, locked": "MLflow, uv locking and `infer_code_paths`"}
    for case, one in found.items():
        total = one["log"] + one["serve"]
        rows.append(f"| {names[case]} | {one['log']:.1f} | {one['serve']:.1f} | {total:.1f} | nothing |")
    return "\n".join(rows)


# One measurement, in a process of its own.


def run(what: str, folder: Path, *, cache: Path | None = None, log: bool = False, **environment: str) -> Any:
    """Start this file for one measurement and read what it found."""
    home = tempfile.mkdtemp(dir=folder, prefix="home-")
    told = {"NB2PROD_HOME": home, **({"NB2PROD_CACHE": str(cache)} if cache else {}), **environment}
    print(f"  {what} …", file=sys.stderr, flush=True)
    found = json.loads(python(__file__, "--one", what, **told).splitlines()[-1])
    print(f"  {found}", file=sys.stderr, flush=True)
    return found


def python(*arguments: str, **environment: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**inherited, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def fitted() -> Any:
    from nb2prod.demo import flights

    return flights.train(flights.load())


def one_deploy() -> dict[str, Any]:
    """From the call to the first prediction over HTTP that is the model's own."""
    import numpy as np

    trained = fitted()
    rows = trained.holdout[0].head(ROWS)
    expected = trained.model.predict(rows)
    begun = time.perf_counter()
    import nb2prod
    from nb2prod.demo import flights

    deployment = nb2prod.deploy(
        trained.model,
        name="delays",
        data=trained.train[0],
        labels=trained.train[1],
        holdout=None if os.environ.get("BENCH_BARE") else trained.holdout,
        nullable=flights.WEATHER,
        relock=bool(os.environ.get("BENCH_RELOCK")),
    )
    try:
        assert np.array_equal(deployment.predict(rows), expected)
        total = time.perf_counter() - begun
        steps = {step.name: step.seconds or 0.0 for step in deployment.outcome.steps}
        return {"total": total, "steps": steps, "status": deployment.outcome.verification.status}
    finally:
        from nb2prod.home import Home
        from nb2prod.targets.local import LocalTarget

        LocalTarget(Home()).shutdown()


def one_mlflow(*, locked: bool = False) -> dict[str, float]:
    """`log_model` and `models serve` until its first answer, on a store that is there already."""
    import httpx

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    if locked:
        os.environ["MLFLOW_LOCK_MODEL_DEPENDENCIES"] = "true"
    trained = fitted()
    rows = trained.holdout[0].head(ROWS)
    expected = trained.model.predict(rows).tolist()
    import mlflow
    import pandas

    folder = Path(os.environ["NB2PROD_HOME"])
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("bench", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("bench")
    begun = time.perf_counter()
    with mlflow.start_run():
        options: dict[str, Any] = {"name": "delays", "input_example": rows, "registered_model_name": "delays"}
        if locked:  # the scikit-learn flavor knows no infer_code_paths, python_function does

            def predict(model_input: pandas.DataFrame) -> Any:
                return trained.model.predict(model_input)

            mlflow.pyfunc.log_model(python_model=predict, infer_code_paths=True, **options)
        else:
            mlflow.sklearn.log_model(trained.model, serialization_format="cloudpickle", **options)
    logged = time.perf_counter()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/delays/1", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # MLflow looks for uvicorn there
    server = subprocess.Popen(
        [*command, "--port", str(port)], start_new_session=True, stdout=sys.stderr, env={**os.environ, "PATH": path}
    )
    try:
        body = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}
        while (answered := ask(httpx, f"http://127.0.0.1:{port}/invocations", body)) is None:
            assert server.poll() is None
        assert answered == expected
        return {"log": logged - begun, "serve": time.perf_counter() - logged}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def ask(httpx: Any, url: str, body: Any) -> list[Any] | None:
    """The predictions; None while nobody listens."""
    try:
        return list(httpx.post(url, json=body, timeout=60).raise_for_status().json()["predictions"])
    except httpx.TransportError:
        threading.Event().wait(0.05)
        return None


ONE = {"deploy": one_deploy, "mlflow": one_mlflow, "mlflow, locked": lambda: one_mlflow(locked=True)}

if __name__ == "__main__":
    main()
