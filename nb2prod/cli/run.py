"""One command from its words to its exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 not verified, 130 interrupted."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from nb2prod.cli import show, spoken, usage
from nb2prod.cli.verbs import app
from nb2prod.errors import Nb2prodError, UsageError

INTERRUPTED = 130


def run(words: Sequence[str]) -> int:
    """Run one command; everything that goes wrong is shown once, in the words that every front door has."""
    as_json = "--json" in words
    with spoken.asking(words):
        return _run(words, as_json=as_json)


def _run(words: Sequence[str], *, as_json: bool) -> int:
    try:
        code = app.main(args=list(words), prog_name="nb2prod", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Nb2prodError as error:
        show.error(error, as_json=as_json, words=words)
        return error.exit_code
    except click.ClickException as error:
        return _wrong_usage(error, words, as_json=as_json)
    except (KeyboardInterrupt, click.Abort) as error:
        stopped = (
            error.__cause__ if isinstance(error, click.Abort) else error
        )  # click puts its own in the place of Ctrl-C
        show.interrupted(as_json=as_json, words=words, kept=next(iter(getattr(stopped, "__notes__", ())), ""))
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as `head` does; nothing more can be said there
        return 1
    except Exception as error:
        show.unknown(error, traceback.format_exc(), as_json=as_json, words=words)
        return 1


def _wrong_usage(error: click.ClickException, words: Sequence[str], *, as_json: bool) -> int:
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # it carries the help and no complaint
        print(error.format_message(), file=sys.stderr)
        return UsageError.exit_code
    problem = usage.problem(error, words)
    show.error(problem, as_json=as_json, words=words)
    return UsageError.exit_code
