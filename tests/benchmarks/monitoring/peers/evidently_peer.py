"""Evidently in its own environment: its drift preset. Reads a folder of npz, prints one JSON document."""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from evidently import Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402

folder, task = Path(sys.argv[1]), sys.argv[2]
with np.load(folder / f"{task}.npz", allow_pickle=False) as stored:
    data = {name: stored[name] for name in stored.files}  # read once: an npz reads an array anew at every use


def frame(array):
    return pd.DataFrame(array, columns=[f"x{j}" for j in range(array.shape[1])])


def drifted(reference, live):
    found = Report([DataDriftPreset()]).run(reference_data=frame(reference), current_data=frame(live)).dict()
    return next(metric["value"]["count"] for metric in found["metrics"] if "DriftedColumnsCount" in str(metric))


def cost():
    wall, cpu = time.perf_counter(), time.process_time()
    rows = min(len(data["live"]), int(data["few"]))
    drifted(data["reference"], data["live"][:rows])
    scale = len(data["live"]) / rows
    return {"wall": (time.perf_counter() - wall) * scale, "cpu": (time.process_time() - cpu) * scale, "rows": rows}


def calm():
    batch = int(data["batch"])
    parts = [data["live"][k : k + batch] for k in range(0, len(data["live"]), batch)][:10]
    return {"chunks": float(np.mean([drifted(data["reference"], part) > 0 for part in parts]))}


found = {"cost": cost, "calm": calm}[task]()
found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(found))
