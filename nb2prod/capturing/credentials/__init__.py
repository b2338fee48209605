"""What a credential looks like: by its form, by the name that it is kept under, or by being random where code spells it out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nb2prod.capturing.credentials import forms, names

LONGEST = 200_000


@dataclass(frozen=True)
class Credential:
    """One credential: what kind, in which line of its text, under which name. Its value is nowhere in it."""

    what: str
    line: int = 1
    name: str | None = None


def kind(
    text: str, named: Iterable[str] = (), *, around: Iterable[str] = (), spelled: bool = True, code: bool = False
) -> str | None:
    """What kind of credential a text is or holds; None where it is none.

    Parameters
    ----------
    text
        What may be one.
    named
        The names that it is kept under: a variable, an attribute, a key.
    around
        The names of what it stands in: the dictionary of a key, the class of an attribute.
    spelled
        Whether somebody wrote name and value as such a pair; otherwise a value that may be a word is none.
    code
        Whether it is a text that code spells out or a model holds: there also a random one is a credential.

    Examples
    --------
    >>> kind("dapi" + "0123456789abcdef" * 2)
    'a Databricks token'
    >>> kind("winter", ["season"]) is None
    True
    """
    if len(text) < 4 or len(text) > LONGEST:
        return None
    return found if (found := forms.of(text)) is not None else by_name(text, named, around, spelled=spelled, code=code)


def by_name(
    text: str, named: Iterable[str] = (), around: Iterable[str] = (), *, spelled: bool = True, code: bool = False
) -> str | None:
    """As `kind`, by the names alone."""
    value = text.strip()
    if code and not around:
        named = [name for name in named if not names.is_digest(name, value)]
    called = next((name for name in named if names.holds(name, value, spelled=spelled)), None)
    if called is None and (spelled or code):
        called = next((name for name in named if names.may_hold(name, value) or names.is_login(name, value)), None)
    if called is None:
        identity = any(map(names.is_identity, named))
        called = next((name for name in around if names.is_within(name, value, identity=identity)), None)
    if called is not None:
        return f"a value kept under the name `{called}`"
    if code and names.is_random(value, named):
        return "a random text that looks like a key"
    return None
