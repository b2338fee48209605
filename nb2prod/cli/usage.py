"""What is off in a command, in the four lines of every other error: click's complaints with their cause and a line to type."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence

import click

from nb2prod.cli.verbs import VERBS, app
from nb2prod.errors import Nb2prodError, UsageError
from nb2prod.sdk.flags import BY_NAME


def problem(error: click.ClickException, words: Sequence[str]) -> UsageError:
    """Click's complaint about the `words` of a command.

    Examples
    --------
    >>> problem(click.NoSuchOption("--jsn"), ["list", "--jsn"]).fix
    'nb2prod list --json'
    """
    case = _Case(words)
    title, why, fix = case.read(error)
    return UsageError(title, code="wrong-usage", where=case.typed(words), why=why, fix=fix, kept="nothing was changed")


_EXAMPLE = "delays"
"""The deployment that every help names; in a fix it is one of this home."""


class _Case:
    """The command that was typed, and the verb that it names."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.name = words[0] if words and words[0] in VERBS else ""
        self.command: click.Command = app
        if self.name:
            self.command = app.get_command(click.Context(app), self.name) or app
        self.context = click.Context(self.command, info_name=f"nb2prod {self.name}".strip())

    @staticmethod
    def typed(words: Sequence[str]) -> str:
        return shlex.join(["nb2prod", *words])

    def read(self, error: click.ClickException) -> tuple[str, str, str]:
        """Title, cause and the line to type."""
        command = self.context.command_path
        if isinstance(error, click.NoSuchOption):
            return f"`{command}` has no flag {error.option_name}", *self._flag(error.option_name)
        if isinstance(error, click.BadOptionUsage):
            takes = self._takes(error.option_name)
            return f"{error.option_name} needs {takes}", self._help(error.option_name), self._mended(error.option_name)
        if isinstance(error, click.MissingParameter) and error.param is not None:
            needed = error.param.make_metavar(self.context)
            return f"`{command}` needs {needed}", f"It was not given; `{command} --help` has examples.", self._example()
        if isinstance(error, click.BadParameter) and error.param is not None:
            flag = error.param.opts[0]
            return self._said(error), self._help(flag), self._mended(flag)
        if not self.name and self.words and not self.words[0].startswith("-"):
            return self._said(error), *self._verb(self.words[0])
        return self._said(error), f"`{command} --help` shows what it takes.", self._example()

    @staticmethod
    def _said(error: click.ClickException) -> str:
        return error.format_message().rstrip(".")

    def _verb(self, word: str) -> tuple[str, str]:
        near = difflib.get_close_matches(word, VERBS, n=1)
        if near:
            return f"The nearest verb is `{near[0]}`.", self.typed([near[0], *self.words[1:]])
        return "The verbs are " + ", ".join(VERBS) + ".", "nb2prod --help"

    def _flag(self, word: str) -> tuple[str, str]:
        known = [name for option in self.command.params for name in option.opts if name.startswith("--")]
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
        if near:
            return f"The nearest flag is {near[0]}.", self.typed(
                [near[0] if one == word else one for one in self.words]
            )
        return f"Its flags are {', '.join(known)}.", f"{self.context.command_path} --help"

    def _option(self, flag: str) -> click.Parameter | None:
        return next((option for option in self.command.params if flag in option.opts), None)

    def _takes(self, flag: str) -> str:
        option = self._option(flag)
        if isinstance(option, click.Option) and isinstance(option.type, click.types.IntParamType):
            return "a whole number"
        return option.make_metavar(self.context) if option else "a value"

    def _help(self, flag: str) -> str:
        return str(getattr(self._option(flag), "help", None) or f"`{self.context.command_path} --help` says more.")

    def _mended(self, flag: str) -> str:
        """The command with a value that the flag takes in place of what stands behind it."""
        if flag not in BY_NAME or flag not in self.words:
            return f"{self.context.command_path} --help"
        at, known = self.words.index(flag), BY_NAME[flag]
        behind = at + 1
        while behind < min(at + 1 + len(known.takes), len(self.words)) and not self.words[behind].startswith("-"):
            behind += 1
        return self.typed([*self.words[:at], *known.example.split(), *self.words[behind:]])

    def _example(self) -> str:
        """The first example of the help."""
        lines = [line.strip() for line in (self.command.epilog or "").splitlines()]
        found = next((line for line in lines if line.startswith("nb2prod ")), "nb2prod --help")
        return re.sub(rf"(?<= ){_EXAMPLE}(?= |$)", self._deployment(), found)

    def _deployment(self) -> str:
        """A deployment of this home: the one that was typed, else the first."""
        import nb2prod

        try:
            known = [one.name for one in nb2prod.deployments()]
        except Nb2prodError:
            known = []
        return next((name for name in known if name in self.words), known[0] if known else "NAME")
