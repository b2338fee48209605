"""Deployments, increments, panes, labels, alerts, actions, leases in SQL."""

from __future__ import annotations

from functools import cached_property

from nb2prod.home import Home
from nb2prod.store.actions import Actions
from nb2prod.store.alerts import Alerts
from nb2prod.store.baselines import Baselines
from nb2prod.store.deployments import Deployments
from nb2prod.store.engine import Database
from nb2prod.store.increments import Increments
from nb2prod.store.labels import Labels
from nb2prod.store.leases import Leases
from nb2prod.store.panes import Panes


class Store:
    """nb2prod's own store, in sections; each makes or migrates its tables when it is first used.

    A section is a class of `nb2prod.store.engine.Section` in a file of its own, and one `cached_property` here.

    Parameters
    ----------
    home
        The home whose store it is.
    url
        Default: ``NB2PROD_STORE``, else SQLite in the home.
    """

    def __init__(self, home: Home, url: str | None = None) -> None:
        self.home = home
        self.database = Database(home, url)

    @cached_property
    def deployments(self) -> Deployments:
        """What should run, on which port, in which version, and its history."""
        return Deployments(self.database)

    @cached_property
    def increments(self) -> Increments:
        """Counts as they came, each once."""
        return Increments(self.database)

    @cached_property
    def panes(self) -> Panes:
        """Counts by event period."""
        return Panes(self.database)

    @cached_property
    def labels(self) -> Labels:
        """How far counts were fetched, and what joined to nothing."""
        return Labels(self.database)

    @cached_property
    def baselines(self) -> Baselines:
        """The models that counts stand against."""
        return Baselines(self.database)

    @cached_property
    def alerts(self) -> Alerts:
        """Limits, what was told, and how far detection has read."""
        return Alerts(self.database)

    @cached_property
    def actions(self) -> Actions:
        """What is to be done about alerts, and what was done."""
        return Actions(self.database)

    @cached_property
    def leases(self) -> Leases:
        """Which agent speaks for a deployment."""
        return Leases(self.database)

    def forget(self, name: str) -> None:
        """Remove everything that was counted under a name; who should run is `deployments`' own."""
        sections = (self.increments, self.panes, self.labels, self.baselines, self.alerts, self.actions, self.leases)
        with self.database.write() as connection:
            for section in sections:
                section.forget(connection, name)


__all__ = ["Store"]
