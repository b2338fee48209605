"""The terminal front door: parse, call the SDK, show."""

from __future__ import annotations

import sys


def main() -> None:
    """The `nb2prod` command; ends the process with its exit code."""
    import nb2prod

    problem = nb2prod.unsupported()
    if problem:
        sys.exit(problem)
    from nb2prod.cli.run import run

    sys.exit(run(sys.argv[1:]))
