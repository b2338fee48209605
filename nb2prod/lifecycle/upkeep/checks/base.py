"""A check: looks at one thing of a home, says how it is, and mends what it can."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from nb2prod.home import Home
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget

Severity = Literal["warn", "bad"]


@dataclass(frozen=True)
class Ailment:
    """One thing that is not well: what, the line that mends it, and how `doctor --fix` does so, where it can."""

    text: str
    fix: str
    severity: Severity = "bad"
    mend: Callable[[], object] | None = None


@dataclass(frozen=True)
class Ground:
    """What the checks look at."""

    home: Home
    target: LocalTarget

    @cached_property
    def store(self) -> Store:
        return Store(self.home)


class Check(ABC):
    """A kind of check, registered by being there; `code` is its stable name, `title` what a person reads."""

    code: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int] = 100
    known: ClassVar[list[type[Check]]] = []

    def __init_subclass__(cls) -> None:
        Check.known.append(cls)

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.home = ground.home

    @abstractmethod
    def look(self) -> Iterator[Ailment]:
        """Everything that is not well; changes nothing."""

    @abstractmethod
    def well(self) -> str:
        """What to say where nothing is wrong."""
