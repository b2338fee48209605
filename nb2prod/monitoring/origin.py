"""Which version here a service elsewhere serves: a Bento of the same capture is that version, and its counts are added to it."""

from __future__ import annotations

import msgspec

from nb2prod.errors import Conflict
from nb2prod.records.monitoring import Increment
from nb2prod.runtime.outbox import Page
from nb2prod.store import Store


class Origin:
    """A service elsewhere, by the model that it says it serves.

    Parameters
    ----------
    store
        Knows the deployments that are here.
    label
        A Bento's tag, which ends in its capture's digest, or name and version; empty where it does not say.
    url
        Where it is, for people.
    """

    def __init__(self, store: Store, label: str, url: str) -> None:
        self._store = store
        self._label = label
        self._url = url

    def here(self, page: Page) -> Page:
        """Its counts with the versions that they have here; those of a name that is only pulled stay as they are.

        Raises
        ------
        Conflict
            A deployment of that name is here, and this is none of its versions.
        """
        increments = page.increments
        named = {one.name for one in increments if self._store.deployments.find(one.name) is not None}
        versions = {name: self.version(name) for name in named}
        given = (self._placed(one, versions[one.name]) if one.name in named else one for one in increments)
        return msgspec.structs.replace(page, increments=tuple(given))

    def version(self, name: str) -> int | None:
        """The version of a deployment that its Bento is; None where it names no Bento.

        Raises
        ------
        Conflict
            It is a Bento that never ran here.
        """
        if ":" not in self._label:
            return None
        found = [run.version or 0 for run in self._store.deployments.runs(name) if run.tag == self._label]
        if not found:
            raise self._another(name)
        return found[-1]

    def _placed(self, one: Increment, version: int | None) -> Increment:
        if version is None:  # no Bento is named: what was counted on the same baseline is of the same version
            known = [number for number, model, _ in self._store.panes.versions(one.name) if model == one.model]
            if not known:
                raise self._another(one.name)
            version = one.version if one.version in known else known[-1]
        return msgspec.structs.replace(one, version=version)

    def _another(self, name: str) -> Conflict:
        return Conflict(
            f"{self._url} serves another model than `{name}` here",
            code="another-model",
            where=self._url,
            why=f"It serves {self._label or 'a model that it does not name'}; no version of `{name}` in this home is that one, "
            "and counts of two models under one name would hide one another.",
            fix="nb2prod deploy notebook.ipynb --model model --name ANOTHER-NAME      # and serve that one there",
            kept="nothing was pulled; what is counted here stands",
        )
