"""Why what is made again holds other values: it is drawn by chance without a seed, or read from a place that has changed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from nb2prod.capturing.statements import Statement

_DRAWN = frozenset({"train_test_split", "sample", "shuffle", "resample", "make_classification", "make_regression"})
# fmt: off
_GLOBAL = frozenset({
    "beta", "binomial", "choice", "exponential", "gamma", "lognormal", "multivariate_normal", "normal", "permutation", "poisson",
    "rand", "randint", "randn", "random", "random_sample", "shuffle", "standard_normal", "uniform",
})
# fmt: on
_READ = re.compile(r"(?:read|load|fetch|scan|open|query|execute|download|get)(?:_|$)|_(?:load|query)$")
_SEEDED = ("random_state", "seed", "rng")


def unseeded(node: ast.AST) -> str | None:
    """The call in a statement that draws by chance and names no seed: `train_test_split`, `sample`, `np.random.normal`.

    Examples
    --------
    >>> unseeded(ast.parse("a, b = train_test_split(X)"))
    'train_test_split'
    >>> unseeded(ast.parse("a, b = train_test_split(X, random_state=0)")) is None
    True
    """
    for call in _calls(node):
        name = _name(call)
        given = {word.arg: word.value for word in call.keywords}
        seeds = [given[one] for one in _SEEDED if one in given]
        seeded = any(not (isinstance(one, ast.Constant) and one.value is None) for one in seeds) or None in given
        unshuffled = isinstance(given.get("shuffle"), ast.Constant) and not getattr(given["shuffle"], "value", True)
        if name in _DRAWN and not seeded and not unshuffled and not _of_random(call):
            return name
        if name in _GLOBAL and _of_random(call):
            return ast.unparse(call.func)
    return None


def read_from(node: ast.AST) -> str | None:
    """The call in a statement that reads a file, a table or an address: `read_csv`."""
    return next((name for call in _calls(node) if _READ.match(name := _name(call))), None)


def seeds(ran: Iterable[Statement]) -> bool:
    """Whether one of the statements seeds what draws from one stream for all."""
    return any(_name(call) in ("seed", "set_seed", "seed_everything") for one in ran for call in _calls(one.node))


def generator(node: ast.AST) -> bool:
    """Whether a statement makes a generator with a seed of its own: `rng = np.random.default_rng(0)`."""
    return any(_name(call) in ("default_rng", "RandomState") and (call.args or call.keywords) for call in _calls(node))


def _calls(node: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Call)]


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _of_random(call: ast.Call) -> bool:
    """`np.random.normal`, `random.random`: the generator that all share."""
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    return getattr(of, "attr", getattr(of, "id", "")) == "random"
