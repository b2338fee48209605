"""Finding what is deployed, and bringing a verified model back into a notebook."""

from __future__ import annotations

from typing import Any

from nb2prod import registry
from nb2prod.capturing.rules import listed
from nb2prod.errors import UsageError
from nb2prod.home import Home
from nb2prod.records.capture import Capture, RuleRecord
from nb2prod.runtime.model import ServedModel
from nb2prod.sdk import pulled
from nb2prod.sdk.deployment import Deployment
from nb2prod.store import Store


def deployments(home: Home | None = None) -> list[Deployment]:
    """Every deployment of a home, by name; a `Pulled` one where it runs elsewhere.

    Examples
    --------
    >>> import nb2prod
    >>> nb2prod.deployments()
    []
    """
    home = home or Home()
    store = Store(home)
    found = {name: pulled.Pulled(name, home=home) for name in pulled.names(home, store)}
    here = {row.name: Deployment(row.name, home=home) for row in store.deployments.all()}
    return [one for _, one in sorted({**found, **here}.items())]


def get(name: str, home: Home | None = None) -> Deployment:
    """The deployment of that name; a `Pulled` one where it runs elsewhere and its counts are pulled from here.

    Raises
    ------
    NotFound
        There is none; the error says which there are.
    """
    home = home or Home()
    return Deployment(name, home=home) if Store(home).deployments.find(name) else pulled.find(name, home)


def rules() -> tuple[RuleRecord, ...]:
    """What capture looks for: each rule's code, severity, meaning, fix, and the comment that accepts it.

    Examples
    --------
    >>> "secret" in {rule.code for rule in rules()}
    True
    """
    return listed()


def load(reference: str, home: Home | None = None) -> Any:
    """The verified model of a registered version, back in a notebook.

    Parameters
    ----------
    reference
        ``"delays@champion"`` or ``"delays/3"``.

    Returns
    -------
    object
        The model itself, as it was captured; its manifest is checked before anything is unpickled.

    Raises
    ------
    UsageError
        The reference has another form.
    NotFound
        There is no such model or version.
    """
    return ServedModel.load(_fetch(reference, home or Home()).folder).model


def _fetch(reference: str, home: Home) -> Capture:
    name, _, alias = reference.partition("@")
    if alias:
        found = registry.resolve(f"models:/{reference}", home=home)
        return registry.fetch(name, found.version, home=home)
    name, _, version = reference.rpartition("/")
    if not name or not version.isdigit():
        raise UsageError(
            f"`{reference}` names no version",
            code="no-such-reference",
            where="nb2prod.load",
            why="A reference is a name with an alias or a version.",
            fix=f'nb2prod.load("{name or version}@champion")      or      nb2prod.load("{name or version}/1")',
        )
    return registry.fetch(name, int(version), home=home)
