"""A model that was never fitted, or holds a step that was not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from nb2prod.capturing import golden
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.fitting import usual_pair
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.values import name_of, own, owner
from nb2prod.records.capture import Finding, Severity
from nb2prod.runtime import flavors


class NotFitted(Rule):
    code: ClassVar[str] = "not-fitted"
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False
    about: ClassVar[str] = "the model was not fitted"
    fix: ClassVar[str] = "model.fit(ROWS, ANSWERS)"

    def look(self, case: Case) -> Iterator[Finding]:
        model = case.found.model
        if case.flavor is None:
            return
        if case.flavor.fitted(model):
            yield from self._of_step(case)
            return
        if case.found.variable is None:
            yield self._nameless(case)
            return
        shown = case.shown
        yield self.finding(
            f"`{shown}` is not fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit({_arguments(case)})",
        )

    def _of_step(self, case: Case) -> Iterator[Finding]:
        """A pipeline around steps that were fitted alone, where one was forgotten."""
        step = next((one for one in _steps(case) if not _is_fitted(one[1])), None)
        if step is None or case.found.root is None or not _fails(case):
            return
        name, kind = step[0], type(step[1]).__name__
        yield self.finding(
            f"`{case.found.root}` is not fitted: its step `{name}` has learnt nothing yet",
            where=f"step `{name}` of {case.found.root}: {kind}",
            why=f"No cell that ran has fitted this {kind}. A pipeline fits its steps only by its own fit.",
            fix=_of_fitted(case) or f"{case.found.root}.fit({_arguments(case)})",
        )

    def _nameless(self, case: Case) -> Finding:
        """An estimator made in the line itself: it needs a variable, which is not the deployment's name."""
        kind = type(case.found.model).__name__
        return self.finding(
            f"This {kind} is not fitted",
            where=f"%deploy {kind}(…)",
            why=f"The line makes a new {kind}, which has learnt nothing yet.",
            fix=f"model = {kind}().fit({_arguments(case)})\n%deploy model --name {case.found.name}",
        )


def _steps(case: Case) -> list[tuple[str, Any]]:
    steps = getattr(owner(case.found.model), "steps", None)
    pairs = steps if isinstance(steps, list) else []
    return [one for one in pairs if isinstance(one, tuple) and len(one) == 2 and hasattr(one[1], "fit")]


def _is_fitted(estimator: Any) -> bool:
    return bool(flavors.claiming(estimator).fitted(estimator))


def _fails(case: Case) -> bool:
    """Whether it answers nothing for want of a fit: what learns nothing looks unfitted too, and answers."""
    from sklearn.exceptions import NotFittedError

    try:
        case.flavor.answer(case.found.model, golden.copied(golden.take(case.found.data, slice(0, 3))))
    except NotFittedError:
        return True
    except Exception:  # what else is wrong is told when it is asked
        return False
    return False


def _of_fitted(case: Case) -> str | None:
    """The pipeline made again of what the notebook has fitted, where each step has such a variable."""
    namespace, whole = case.notebook.namespace, owner(case.found.model)
    made = []
    for name, estimator in whole.steps:
        fitted = not hasattr(estimator, "fit") or _is_fitted(estimator)
        variable = name_of(estimator, namespace) if fitted else _fitted_like(estimator, namespace)
        if variable is None and not fitted:
            return None
        made.append(f'("{name}", {variable or f"{case.found.root}.named_steps[{name!r}]"})')
    kind = type(whole)
    line = f"{case.found.root} = {kind.__name__}([{', '.join(made)}])"
    known = namespace.get(kind.__name__) is kind
    return line if known else f"from {kind.__module__} import {kind.__name__}\n{line}"


def _fitted_like(estimator: Any, namespace: Any) -> str | None:
    """The one variable that holds a fitted estimator of that class."""
    alike = [name for name, value in own(namespace) if type(value) is type(estimator) and _is_fitted(value)]
    return alike[0] if len(alike) == 1 else None


def _arguments(case: Case) -> str:
    """What the notebook fits on, where it has such names."""
    found = case.found
    known = evaluated(found.data_name, case.notebook.namespace) is not None
    rows = found.data_name if known else "ROWS"
    rows, answers = (rows, found.labels_name) if found.labels_name else _usual(rows, case)
    return f"{rows}, {answers}"


def _usual(rows: str, case: Case) -> tuple[str, str]:
    pair = usual_pair(case.notebook.namespace)
    return pair if pair is not None and rows in ("ROWS", pair[0]) else (rows, "ANSWERS")
