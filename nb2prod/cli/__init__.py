"""The terminal front door: parse, call the SDK, show."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """The `nb2prod` command; ends the process with its exit code."""
    import nb2prod

    problem = nb2prod.unsupported()
    if problem:
        if "--json" in sys.argv:
            print(json.dumps({"error": _as_document(problem)}))
        sys.exit(problem)
    from nb2prod.cli.run import run

    sys.exit(run(sys.argv[1:]))


def _as_document(problem: str) -> dict[str, str]:
    """The seven keys of every error; said here, for an old Python cannot import the rest."""
    why, _, fix = problem.partition(". ")
    keys = {"code": "unsupported", "title": "nb2prod does not run here", "where": sys.platform, "why": why}
    return {**keys, "fix": fix, "kept": "nothing was done", "status": "failed"}
