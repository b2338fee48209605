"""One command from its words to its exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 not verified, 130 interrupted."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from nb2prod.cli import show
from nb2prod.cli.verbs import app
from nb2prod.errors import Nb2prodError, UsageError

INTERRUPTED = 130


def run(words: Sequence[str]) -> int:
    """Run one command; everything that goes wrong is shown once, in the words that every front door has."""
    as_json = "--json" in words
    try:
        code = app.main(args=list(words), prog_name="nb2prod", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Nb2prodError as error:
        show.error(error, as_json=as_json, verb=words[0] if words else "")
        return error.exit_code
    except click.ClickException as error:
        return _wrong_usage(error, words, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        show.interrupted(as_json=as_json)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as `head` does; nothing more can be said there
        return 1
    except Exception as error:
        show.unknown(error, traceback.format_exc(), as_json=as_json)
        return 1


def _wrong_usage(error: click.ClickException, words: Sequence[str], *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "nb2prod"
    problem = UsageError(
        error.format_message().rstrip("."),
        code="wrong-usage",
        where="nb2prod " + " ".join(words),
        fix=f"{command} --help",
    )
    show.error(problem, as_json=as_json)
    return UsageError.exit_code
