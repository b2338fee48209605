"""`python -m nb2prod.agent [--home FOLDER]`: one a home, supervised; it serves nothing."""

from __future__ import annotations

import argparse
import logging
import sys

from nb2prod.agent.loop import Agent, until_told
from nb2prod.errors import Conflict, Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.services import AGENT
from nb2prod.store import Store


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM; 1 where another agent has this home."""
    parser = argparse.ArgumentParser(prog="python -m nb2prod.agent", description="Collects and keeps a home's counts.")
    parser.add_argument("--home", help="default: NB2PROD_HOME, else the platform's user data folder")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = until_told()
    try:
        home = Home(given.home)
        with home.lock(AGENT, timeout=0.0):
            logging.getLogger("nb2prod.agent").info("started for %s", home.root)
            Agent(home, Store(home)).run(stop)
    except Conflict as error:
        if error.code == "locked":
            print(f"nb2prod: another agent is at work in {given.home or 'this home'}", file=sys.stderr)
            return 1
        print(f"nb2prod: {error}", file=sys.stderr)
        return error.exit_code
    except Nb2prodError as error:
        print(f"nb2prod: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
