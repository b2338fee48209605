"""What every flavor answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.errors import Refused
from nb2prod.records.capture import FlavorRecord


class Base(ABC):
    """One framework: how its models are recognised, saved, loaded and asked."""

    name: ClassVar[str]
    rank: ClassVar[int] = 50
    """Flavors are asked in this order whether a model is theirs; the general ones come last."""

    refits: ClassVar[bool] = False
    """Whether scikit-learn's `clone` and `fit` train another one like it."""
    lean: ClassVar[Mapping[str, str]] = {}
    """Distributions that a service needs, by the fuller ones that a notebook has them from."""

    @abstractmethod
    def claims(self, model: Any) -> bool:
        """Whether the model is this framework's; never imports the framework to find out."""

    @abstractmethod
    def refuse(self, model: Any) -> None:
        """Raise `Refused` where the model cannot be asked for predictions."""

    @abstractmethod
    def fitted(self, model: Any) -> bool:
        """Whether the model has been trained."""

    @abstractmethod
    def classes(self, model: Any) -> tuple[Any, ...] | None:
        """Plain class labels in the order of a row of probabilities; None where it does not classify."""

    def columns(self, model: Any) -> list[str] | None:
        """The names of the columns that the model was fitted on, where it says so elsewhere than scikit-learn's models do."""
        return None

    def training(self, model: Any) -> Any:
        """The rows that it was fitted on, where the live model holds them; None otherwise."""
        return None

    @abstractmethod
    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        """Ask the model: (predictions, probabilities or None), as it returns them."""

    @abstractmethod
    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        """Write the model's files into `folder`."""

    @abstractmethod
    def load(self, folder: Path, record: FlavorRecord) -> Any:
        """Read them again."""


def qualified(model: Any) -> str:
    """Module and name of the model's class, of a function its own."""
    thing = model if hasattr(model, "__qualname__") else type(model)
    return f"{thing.__module__}.{thing.__qualname__}"


def refuse_foreign(model: Any) -> None:
    """Refuse data, classes and modules given as a model."""
    kind = type(model)
    if kind.__module__.partition(".")[0] in ("pandas", "polars", "numpy", "scipy"):
        raise not_a_model(model, f"It is a {kind.__name__}: data, not a model.", "%deploy model --data frame")
    if isinstance(model, type):
        fix = f"model = {model.__name__}(…).fit(X, y)"
        raise not_a_model(model, f"`{model.__name__}` is a class; what is deployed is one fitted instance.", fix)


def not_a_model(model: Any, why: str, fix: str) -> Refused:
    """The one refusal of things that cannot be asked."""
    return Refused(
        f"A {type(model).__name__} cannot be deployed as a model",
        code="not-a-model",
        where=qualified(model),
        why=why,
        fix=fix,
    )
