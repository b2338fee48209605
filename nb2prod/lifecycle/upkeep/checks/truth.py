"""The store is the truth about who takes traffic; `@champion` follows it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from nb2prod import registry
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check


class ChampionCheck(Check):
    """Does `@champion` name the version that takes traffic?"""

    code, title, order = "champion", "@champion", 70

    def look(self) -> Iterator[Ailment]:
        for row in self.ground.store.deployments.all():
            if row.version is None:
                continue
            named = registry.champion(row.name, self.home)
            if named is None or named.version != row.version:
                says = f"version {named.version}" if named else "no version"
                text = f"`{row.name}`: version {row.version} takes traffic, @champion names {says}."
                yield Ailment(
                    text, "nb2prod doctor --fix", mend=partial(registry.set_champion, row.name, row.version, self.home)
                )

    def well(self) -> str:
        return "names what takes traffic"
