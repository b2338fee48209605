"""alibi-detect in its own environment: KSDrift. Reads a folder of npz, prints one JSON document."""

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
from alibi_detect.cd import KSDrift  # noqa: E402

folder, task = Path(sys.argv[1]), sys.argv[2]
with np.load(folder / f"{task}.npz", allow_pickle=False) as stored:
    data = {name: stored[name] for name in stored.files}  # read once: an npz reads an array anew at every use


def parts():
    batch = int(data["batch"])
    return [data["live"][k : k + batch] for k in range(0, len(data["live"]), batch)]


def cost():
    detector = KSDrift(data["reference"], p_val=0.05)
    some = parts()[: int(data["few"]) // int(data["batch"])]
    wall, cpu = time.perf_counter(), time.process_time()
    for part in some:
        detector.predict(part)
    scale = len(parts()) / len(some)
    return {"wall": (time.perf_counter() - wall) * scale, "cpu": (time.process_time() - cpu) * scale}


def calm():
    detector = KSDrift(data["reference"], p_val=0.05)
    return {"chunks": float(np.mean([detector.predict(part)["data"]["is_drift"] for part in parts()]))}


def delay():
    """5 % spent over columns and looks: windows of `batch` rows, `looks` of them in a life."""
    detector = KSDrift(data["reference"], p_val=0.05 / int(data["looks"]))
    for number, part in enumerate(parts()):
        if detector.predict(part)["data"]["is_drift"]:
            return {"rows": (number + 1) * int(data["batch"])}
    return {"rows": None}


found = {"cost": cost, "calm": calm, "delay": delay}[task]()
found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(found))
