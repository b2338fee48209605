"""Deployments, increments, panes, labels in SQL."""

from __future__ import annotations

from functools import cached_property

from nb2prod.home import Home
from nb2prod.store.deployments import Deployments
from nb2prod.store.engine import Database


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


__all__ = ["Store"]
