"""What a notebook holds that could be deployed: its fitted models, each with the data it was seen to be trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nb2prod.capturing import discovery
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.values import models_in
from nb2prod.errors import Nb2prodError
from nb2prod.runtime import flavors


@dataclass(frozen=True)
class Offer:
    """A variable that `%deploy` would take; `data` and `labels` are empty where the notebook does not tell."""

    variable: str
    kind: str
    data: str = ""
    labels: str = ""


def running(shell: Any) -> Notebook:
    """The notebook that runs in an IPython shell."""
    return Notebook.from_ipython(shell)


def offers(notebook: Notebook) -> list[Offer]:
    """The models in the notebook's variables, in the order they were made; the same model under two names is one offer."""
    seen: dict[int, Offer] = {}
    for variable, model in models_in(notebook.namespace).items():
        if _is_fitted(model):
            seen.setdefault(id(model), _offer(variable, model, notebook))
    return list(seen.values())


def _is_fitted(model: Any) -> bool:
    try:
        return flavors.of(model).fitted(model)
    except Nb2prodError:  # a class, a transformer: nothing that answers
        return False


def _offer(variable: str, model: Any, notebook: Notebook) -> Offer:
    kind = type(model).__name__
    if kind == "Pipeline":
        kind = " → ".join(type(step).__name__ for _, step in model.steps)
    try:
        found = discovery.find(variable, notebook)
    except Nb2prodError:  # the notebook does not tell: deploying it will say what is missing, in its own words
        return Offer(variable, kind)
    return Offer(variable, kind, data=found.data_name, labels=found.labels_name or "")
