"""The subprocess that lets BentoML build: reads one JSON job on stdin. The only file of this room that imports bentoml.

It may be started before there is a job, and imports BentoML meanwhile. It has a BENTOML_HOME of its own (in one process a second
build silently held the first model) and imports nothing of nb2prod but what lies in the Bento's own sources.
"""

from __future__ import annotations

import importlib
import json
import sys

MEANWHILE = ("_bentoml_sdk", "_bentoml_sdk.service.factory", "_bentoml_impl.docker", "msgspec", "numpy", "pathspec")
"""What BentoML and the service import in the course of a build."""


def main() -> None:
    """Build from `context` and export unpacked to `output`."""
    from bentoml import bentos
    from bentoml._internal.bento.build_config import BentoEnvSchema

    for module in MEANWHILE:
        importlib.import_module(module)

    given = sys.stdin.read()
    if not given:  # there was nothing to build
        return
    job = json.loads(given)
    made = bentos.build(
        "service:svc",
        name=job["name"],
        version=job["version"],
        labels=job["labels"],
        description=job["description"],
        include=["*"],
        build_ctx=job["context"],
        # BentoML would rewrite our lock; it is put over this afterwards
        python={"packages": ["bentoml"], "lock_packages": False, "pack_git_packages": False},
        docker={"python_version": job["python"]},
        envs=[BentoEnvSchema(**one) for one in job["envs"]],
    )
    made.export(job["output"], "folder")


if __name__ == "__main__":
    main()
