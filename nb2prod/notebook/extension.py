"""`%load_ext nb2prod`: registers the magics with a running IPython shell, and cards for nb2prod's own errors."""

from __future__ import annotations

import sys
from typing import Any

from nb2prod.capturing import watching
from nb2prod.errors import Nb2prodError
from nb2prod.notebook.line import help_text


def load(shell: Any) -> None:
    """Register `%deploy`, `%%deploy` and `%deployments` with `shell`. Nothing heavy is imported before their first use."""
    from IPython.core.magic import no_var_expand

    @no_var_expand  # type: ignore[untyped-decorator]
    def deploy(line: str, cell: str | None = None) -> None:
        from nb2prod.notebook import magics

        magics.deploy(shell, line, cell)

    @no_var_expand  # type: ignore[untyped-decorator]
    def deployments(line: str) -> None:
        """List what is deployed: state, version, address, requests, latency. No flags."""
        from nb2prod.notebook import magics

        magics.deployments(shell)

    deploy.__doc__ = help_text()
    shell.register_magic_function(deploy, magic_kind="line_cell", magic_name="deploy")
    shell.register_magic_function(deployments, magic_kind="line", magic_name="deployments")
    _cards_for_errors(shell)
    watching.watch(shell)


def _cards_for_errors(shell: Any) -> None:
    """Known errors show as a card, whichever call of a cell raised them; others keep their traceback."""
    others, handler = shell.custom_exceptions, shell.CustomTB
    if Nb2prodError in others:
        return

    def show(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> list[str]:
        if not isinstance(error, Nb2prodError):
            return list(handler(kind, error, trace, tb_offset=tb_offset))
        return _shown(shell, error)

    shell.set_custom_exc((*others, Nb2prodError), show)


def _shown(shell: Any, error: Nb2prodError) -> list[str]:
    from nb2prod.notebook.live import Live
    from nb2prod.notebook.magics import SHOWN
    from nb2prod.sdk import card

    if not error.__dict__.pop(SHOWN, False):  # taken away, so that the same error raised again shows again
        Live(shell).show(card.error(error.whole("this cell")))
    lines = str(error).splitlines()
    if hasattr(shell, "kernel"):
        shell._last_traceback = lines  # what the kernel's reply says, for a runner without a front end
    else:
        sys.last_value = error
    return lines
