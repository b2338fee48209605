"""NannyML in its own environment: drift of numbers in chunks, and CBPE. Reads a folder of npz, prints one JSON document."""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import nannyml as nml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

folder, task = Path(sys.argv[1]), sys.argv[2]
with np.load(folder / f"{task}.npz", allow_pickle=False) as stored:
    data = {name: stored[name] for name in stored.files}  # read once: an npz reads an array anew at every use


def frame(array):
    return pd.DataFrame(array, columns=[f"x{j}" for j in range(array.shape[1])])


def cost():
    reference, live = frame(data["reference"]), data["live"]
    names = list(reference.columns)
    calculator = nml.UnivariateDriftCalculator(
        column_names=names, continuous_methods=["kolmogorov_smirnov"], chunk_size=int(data["batch"])
    )
    calculator.fit(reference)
    current = frame(live)
    wall, cpu = time.perf_counter(), time.process_time()
    calculator.calculate(current)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def calm():
    """Share of calm chunks in which any column alarms, by default."""
    calculator = nml.UnivariateDriftCalculator(
        column_names=[f"x{j}" for j in range(data["reference"].shape[1])],
        continuous_methods=["jensen_shannon"],
        chunk_size=int(data["batch"]),
    )
    calculator.fit(frame(data["reference"]))
    table = calculator.calculate(frame(data["live"])).to_df(multilevel=False)
    alarms = table[[name for name in table.columns if name.endswith("_alert")]].to_numpy(bool)
    return {"chunks": float(alarms.any(axis=1).mean())}


def cbpe():
    def table(kind):
        chance = data[f"{kind}_scores"]
        return pd.DataFrame({"p": chance, "said": (chance >= 0.5).astype(int), "truth": data[f"{kind}_labels"]})

    estimator = nml.CBPE(
        problem_type="classification_binary",
        y_pred_proba="p",
        y_pred="said",
        y_true="truth",
        metrics=["roc_auc", "accuracy"],
        chunk_size=int(data["batch"]),
    )
    estimator.fit(table("reference"))
    found = estimator.estimate(table("live")).filter(period="analysis").to_df(multilevel=False)
    return {
        metric: found[f"value_{metric}"].tolist() if f"value_{metric}" in found else found[f"{metric}_value"].tolist()
        for metric in ("roc_auc", "accuracy")
    }


found = {"cost": cost, "calm": calm, "cbpe": cbpe}[task]()
found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(found))
