"""A model whose answers depend on the calls before is told which of its values remembers them; chance is told as chance."""

from __future__ import annotations

import pytest
from cells import SETUP, Kernel

from nb2prod.capturing import discovery, remembering, rules
from nb2prod.errors import Refused
from nb2prod.runtime import flavors

CHANCE = Refused("two answers", code="nondeterministic", fix="--tolerance 4e-05")
ATTRIBUTE = """
class Drifting:
    def __init__(self):
        self.calls = 0
    def fit(self, X, y):
        return self
    def predict(self, X):
        self.calls += 1
        return X["a"].to_numpy() + 1e-5 * self.calls
model = Drifting().fit(df, y)
"""
GLOBAL = """
calls = 0
def model(frame):
    global calls
    calls += 1
    return frame["a"].to_numpy() + 1e-5 * calls
"""
LIST = """
seen = []
def model(frame):
    seen.append(len(frame))
    return frame["a"].to_numpy() + len(seen)
"""
CLASS = ATTRIBUTE.replace("self.calls = 0", "pass").replace("self.calls", "Drifting.calls").replace(
    "class Drifting:", "class Drifting:\n    calls = 0")  # fmt: skip
SEEDLESS = """
calls = 0
def model(frame):
    global calls
    calls += 1
    return frame["a"].to_numpy() + np.random.default_rng().normal(size=len(frame))
"""
HELD = """
class Noisy:
    def __init__(self):
        self.rng = np.random.default_rng(0)
    def fit(self, X, y):
        return self
    def predict(self, X):
        return X["a"].to_numpy() + self.rng.normal(size=len(X))
model = Noisy().fit(df, y)
"""


def case(source: str) -> rules.Case:
    notebook = Kernel().run(SETUP, source).notebook()
    found = discovery.find("model", notebook, data="df")
    return rules.Case(found, notebook, flavors.of(found.model))


@pytest.mark.parametrize(
    ("source", "named", "line"),
    [
        (ATTRIBUTE, "calls`", "self.calls += 1"),
        (GLOBAL, "`calls`", "calls += 1"),
        (LIST, "`seen`", "seen.append(len(frame))"),
        (CLASS, "`Drifting.calls`", "Drifting.calls += 1"),
    ],
)
def test_what_predict_changes_is_named_with_the_statement_that_changes_it(source: str, named: str, line: str) -> None:
    with pytest.raises(Refused) as caught, remembering.refused(case(source)):
        raise CHANCE
    assert caught.value.code == "depends-on-calls"
    assert named in caught.value.title
    assert f"`{line}`" in caught.value.fix
    assert "tolerance" not in caught.value.fix
    assert caught.value.where.startswith("In [2], line")


@pytest.mark.parametrize("source", [SEEDLESS, HELD])
def test_chance_stays_chance(source: str) -> None:
    with pytest.raises(Refused) as caught, remembering.refused(case(source)):
        raise CHANCE
    assert caught.value is CHANCE


def test_a_tolerance_does_not_hide_a_drift() -> None:
    with pytest.raises(Refused) as caught, remembering.refused(case(ATTRIBUTE), 1e-3):
        pass
    assert caught.value.code == "depends-on-calls"


def test_a_cache_that_changes_no_answer_is_no_finding() -> None:
    source = "seen = {}\ndef model(frame):\n    seen[len(frame)] = seen.get(len(frame), 0) + 1\n    return frame['a'].to_numpy()"
    with remembering.refused(case(source), 1e-3):
        pass
