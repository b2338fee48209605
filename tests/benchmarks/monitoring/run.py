"""`make bench-monitoring`: delays, calm lives and cost, side by side with the peers; what it measures replaces its section of
RESULTS.md beside this file, and what was written by hand there stays.

The peers live in environments of their own under build/peers (`make bench-monitoring` makes them where they install).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import lives
import numpy as np
import pandas as pd

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics import estimate

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build"
PEERS = {"NannyML 0.13.1": "nannyml", "alibi-detect 0.13.0": "alibi-detect", "Evidently 0.7.23": "evidently"}


def scored(rng: np.random.Generator, rows: int, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    scores = rng.beta(tilt, 3, rows)
    return scores, (rng.random(rows) < scores**1.5).astype(int)


def data(folder: Path) -> None:
    """The rows that all of them read."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    reference, live = rng.normal(size=(20_000, 30)), rng.normal(size=(1_000_000, 30))
    np.savez(folder / "cost.npz", reference=reference, live=live, batch=10_000, few=50_000)
    np.savez(folder / "calm.npz", reference=reference[:, :20], live=live[:20_000, :20], batch=1000)
    parts = [scored(rng, 2000, tilt) for tilt in np.linspace(1.2, 4, 20)]
    scores, labels = scored(rng, 20_000, 2)
    late = [np.concatenate(column) for column in zip(*parts, strict=True)]
    np.savez(
        folder / "cbpe.npz",
        reference_scores=scores,
        reference_labels=labels,
        live_scores=late[0],
        live_labels=late[1],
        batch=2000,
    )


def peer(name: str, task: str, folder: Path) -> dict[str, object] | None:
    python = BUILD / "peers" / name / "bin" / "python"
    script = HERE / "peers" / f"{name.replace('-', '_')}_peer.py"
    if not python.exists():
        return None
    done = subprocess.run(
        [str(python), str(script), str(folder), task], capture_output=True, text=True, timeout=1800, check=False
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def ours(folder: Path) -> dict[str, float]:
    with np.load(folder / "cost.npz") as stored:
        reference, live = stored["reference"], pd.DataFrame(stored["live"], columns=[f"x{j}" for j in range(30)])
    monitor = Monitor(Baseline.from_frame(pd.DataFrame(reference, columns=live.columns)))
    wall, cpu = time.perf_counter(), time.process_time()
    for row in range(0, len(live), 10_000):
        monitor.update(live.iloc[row : row + 10_000])
        monitor.alarms()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def cost(folder: Path) -> Iterator[str]:
    yield "## A million rows × 30 in batches of 10,000\n"
    yield "| tool | wall, s | CPU, s |\n|---|---|---|"
    own = ours(folder)
    yield f"| nb2prod | {own['wall']:.2f} | {own['cpu']:.2f} |"
    for title, name in PEERS.items():
        found = peer(name, "cost", folder)
        yield f"| {title} | " + (f"{found['wall']:.2f} | {found['cpu']:.2f} |" if found else "did not run here | |")


def delays(count: int) -> Iterator[str]:
    yield f"\n## Rows from the change to the alarm, median (nine in ten), {count} lives\n"
    yield "| change | after 0 | after 20k calm rows |\n|---|---|---|"
    numbers = {f"mean {size} σ": (lives.normal, lives.shifted(size)) for size in (0.1, 0.2, 0.3, 0.5)}
    mixes = {f"mix of 20, TV {size}": (lives.levels(20), lives.moved(20, size)) for size in (0.05, 0.1, 0.2)}
    medians = []
    for title, (draw, change) in (numbers | {"spread × 1.25": (lives.normal, lives.spread(1.25))} | mixes).items():
        found = [lives.delays(draw, change, 20_000, count, quiet) for quiet in (0, 20_000)]
        medians += [float(np.median(one)) for one in found]
        yield (
            f"| {title} | "
            + " | ".join(f"{np.median(one):,.0f} ({np.quantile(one, 0.9):,.0f})" for one in found)
            + " |"
        )
    yield f"\nGeometric mean over these cells: {np.exp(np.mean(np.log(medians))):.0f} rows."


def calm(count: int) -> Iterator[str]:
    yield f"\n## Calm lives of 500 looks and twenty columns with any alarm, of {count}\n"
    yield "| rows | 5k | 20k | 50k |\n|---|---|---|---|"
    draws = {
        "normal": lives.normal,
        "mixed": lives.mixed,
        "AR(1) φ = .5": lives.autoregressive,
        "bursts of 20": lives.bursts,
    }
    draws |= {f"{k} levels": lives.levels(k) for k in (5, 20, 50)}
    draws |= {"bursts of 20, 20 levels": lives.repeated_levels(20)}
    cases = [(title, draw, False) for title, draw in draws.items()]
    cases += [(f"{title}, training shuffled", draws[title], True) for title in ("AR(1) φ = .5", "bursts of 20")]
    for title, draw, shuffled in cases:
        shares = [lives.calm(draw, rows, count, shuffled=shuffled)[0] for rows in (5000, 20_000, 50_000)]
        yield f"| {title} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |"


def chunks(folder: Path) -> Iterator[str]:
    yield "\n## The peers' defaults on calm chunks of 1,000 rows × 20 columns: share with any alarm\n"
    for title, name in PEERS.items():
        found = peer(name, "calm", folder)
        yield f"- {title}: " + (f"{100 * float(str(found['chunks'])):.0f} %" if found else "did not run here")


def cbpe(folder: Path) -> Iterator[str]:
    """Mean error of the estimated ROC AUC and accuracy against the realised ones of the same chunks."""
    from sklearn.metrics import roc_auc_score

    with np.load(folder / "cbpe.npz") as stored:
        rows = {name: stored[name] for name in stored.files}
    baseline = Baseline.from_frame({"x": np.arange(10.0)}, rows["reference_scores"], rows["reference_labels"])
    scores, labels = (rows[f"live_{kind}"].reshape(-1, 2000) for kind in ("scores", "labels"))
    truth = {
        "roc_auc": [roc_auc_score(y, p) for y, p in zip(labels, scores, strict=True)],
        "accuracy": [float(((p >= 0.5) == y).mean()) for y, p in zip(labels, scores, strict=True)],
    }
    theirs = peer("nannyml", "cbpe", folder)
    yield "\n## CBPE: mean absolute error over 20 chunks of 2,000 rows whose scores wander\n"
    yield "| metric | nb2prod | NannyML |\n|---|---|---|"
    for metric, known in truth.items():
        own = [estimate(baseline, baseline.count({}, scores=p, n=len(p)), metric).value for p in scores]
        error = [np.mean(np.abs(np.array(found) - known)) for found in (own, theirs[metric] if theirs else own)]
        yield f"| {metric} | {error[0]:.4f} | " + (f"{error[1]:.4f} |" if theirs else "did not run here |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=["cost", "delays", "cbpe", "chunks", "calm"])
    chosen = parser.parse_args()
    folder = BUILD / "data"
    data(folder)
    parts = {
        "cost": lambda: cost(folder),
        "delays": lambda: delays(chosen.lives),
        "cbpe": lambda: cbpe(folder),
        "chunks": lambda: chunks(folder),
        "calm": lambda: calm(chosen.lives),
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    stands = f"Measured {dt.date.today().isoformat()}, {machine}."
    for name in chosen.only:
        lines = []
        for line in parts[name]():
            print(line, flush=True)
            lines.append(line)
        title, *table = "\n".join(lines).strip().split("\n")
        replace_section(
            HERE / "RESULTS.md", title, "\n".join([title, "", stands, "", *table]).replace("\n\n\n", "\n\n")
        )


def replace_section(path: Path, title: str, text: str) -> None:
    """Put `text` where the section of that title (as far as its first comma) stands, or at the end."""
    sections = re.split(r"(?m)^(?=## )", path.read_text())
    opening = title.split(",")[0]
    at = next((i for i, one in enumerate(sections) if one.startswith(opening)), None)
    if at is None:
        sections.append(text + "\n")
    else:
        sections[at] = text + "\n\n" * (at < len(sections) - 1)
    path.write_text("".join(sections).rstrip() + "\n")


if __name__ == "__main__":
    main()
