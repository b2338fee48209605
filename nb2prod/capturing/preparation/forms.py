"""How notebooks write their preparation: which calls make one value of a frame, choose rows or columns, or need other rows."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# fmt: off
# methods that make one value, or a table shorter than the frame, of many rows
AGGREGATES = frozenset({
    "median", "mean", "mode", "max", "min", "std", "var", "sem", "sum", "prod", "quantile", "nunique", "unique", "value_counts",
    "count", "describe", "corr", "cov", "skew", "kurt", "idxmax", "idxmin", "agg", "aggregate", "size", "to_dict", "tolist",
    "item", "any", "all", "first", "last", "nlargest", "nsmallest", "info", "pivot_table", "ptp", "argmax",
})
AGGREGATING = frozenset({
    "len", "max", "min", "sum", "set", "mean", "median", "std", "var", "percentile", "quantile", "nanmean", "nanmedian", "nanstd",
    "nanpercentile", "unique", "bincount", "mode", "pivot_table", "crosstab",
})
# what describes a frame and is no row of it
ABOUT = frozenset({"columns", "shape", "dtypes", "index", "size", "ndim", "empty", "dtype", "categories"})
# methods that choose rows, or order them: a caller's row is one of them, or is not sent
ROWS = frozenset({
    "dropna", "sample", "head", "tail", "drop_duplicates", "sort_values", "sort_index", "query", "reset_index", "set_index",
    "truncate", "nlargest", "nsmallest", "compute", "persist", "first",
})
# methods that choose columns or change how values are held
SELECTING = ROWS | frozenset({
    "copy", "drop", "astype", "filter", "reindex", "rename", "to_numpy", "select_dtypes", "ravel", "reshape", "to_frame",
    "squeeze", "get", "toarray", "todense", "tocsr", "tocsc", "set_axis", "add_prefix", "add_suffix", "infer_objects",
    "convert_dtypes", "flatten", "pop", "tolist", "isin", "loc", "iloc", "transpose", "train_test_split",
})
# functions that only hold the same values in another way
WRAPPING = frozenset({
    "DataFrame", "array", "asarray", "csr_matrix", "Series", "ascontiguousarray", "train_test_split", "list", "to_datetime",
    "check_array", "column_stack", "shuffle", "resample", "atleast_2d", "float", "str", "DMatrix", "Dataset", "Pool",
})
SPLITS = frozenset({"train_test_split", "shuffle", "resample"})
# what a row's value becomes depends on the rows around it
OTHER_ROWS = frozenset({
    "shift", "rolling", "rank", "cumsum", "cumprod", "cummax", "cummin", "cumcount", "diff", "pct_change", "expanding", "ewm",
    "interpolate", "ffill", "bfill",
})
# fmt: on
SCALERS = {
    "scale": "StandardScaler",
    "minmax_scale": "MinMaxScaler",
    "robust_scale": "RobustScaler",
    "maxabs_scale": "MaxAbsScaler",
}
SOURCES = ("read_", "load_", "fetch_")


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in node.keywords if one.arg == name), None)


def constant(node: ast.AST | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def across(node: ast.Call) -> bool:
    """Whether an aggregate is one of a row's own columns (`axis=1`)."""
    axis = keyword(node, "axis")
    at = constant(axis if axis is not None else (node.args[0] if called(node) in AGGREGATES and node.args else None))
    return at in ("columns",) or (axis is not None and at == 1) or (axis is None and type(at) is int and at == 1)


def root(node: ast.AST) -> str | None:
    """`df` of `df.a["b"].str`."""
    while True:
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        else:
            return node.id if isinstance(node, ast.Name) else None


def names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def joined(node: ast.AST) -> ast.expr | None:
    """What `np.c_[a, b]` sets side by side, written as a subscript."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr in ("c_", "r_"):
        return node.slice
    return None


def carries(node: ast.AST, rows: Collection[str]) -> bool:
    """Whether a value has one element for each row of the variables in `rows`."""
    if isinstance(node, ast.Name):
        return node.id in rows
    if isinstance(node, ast.Constant | ast.Lambda):
        return False
    if isinstance(node, ast.Attribute):
        return node.attr not in ABOUT and carries(node.value, rows)
    if isinstance(node, ast.Subscript):
        return carries(joined(node) or node.value, rows)
    if isinstance(node, ast.Call):
        return not aggregates(node, rows) and any(carries(part, rows) for part in _operands(node))
    return any(carries(part, rows) for part in ast.iter_child_nodes(node))


def aggregates(node: ast.Call, rows: Collection[str]) -> bool:
    """`df.a.mean()`, `np.median(df.a)`, `scaler.fit(X)`: one value for all rows."""
    name = called(node)
    if isinstance(node.func, ast.Attribute) and carries(node.func.value, rows):
        return name in AGGREGATES and not across(node) and not windows(node.func.value)
    return name == "fit" or (name in AGGREGATING and not across(node))


def windows(node: ast.AST) -> bool:
    """`df.a.rolling(7)`: one value a row, made of the rows around it."""
    return isinstance(node, ast.Call) and called(node) in ("rolling", "expanding", "ewm")


def other_rows(node: ast.AST, rows: Collection[str]) -> bool:
    """Whether a row's value is made of the rows around it."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    return any(called(one) in OTHER_ROWS and carries(one.func, rows) for one in calls)


def _operands(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
    yield from node.args
    yield from (one.value for one in node.keywords)


def masks(node: ast.expr, namespace: Mapping[str, Any], rows: Collection[str]) -> bool:
    """Whether a subscript chooses rows."""
    if isinstance(node, ast.Slice | ast.Compare | ast.BoolOp | ast.UnaryOp):
        return not isinstance(node, ast.UnaryOp) or isinstance(node.op, ast.Invert | ast.Not)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitAnd | ast.BitOr)
    if isinstance(node, ast.Name):
        value = namespace.get(node.id)
        return node.id in rows or str(getattr(value, "dtype", "")) in ("bool", "boolean", "int64")
    return carries(node, rows)


def reads_values(node: ast.AST, rows: Collection[str]) -> bool:
    """Whether more than the length or the columns of a frame is read."""
    if isinstance(node, ast.Name):
        return node.id in rows
    if isinstance(node, ast.Attribute) and node.attr in ABOUT:
        return False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
        return False
    return any(reads_values(part, rows) for part in ast.iter_child_nodes(node))


def random(node: ast.AST, namespace: Mapping[str, Any]) -> bool:
    """Whether dice are thrown in it."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and type(namespace.get(part.id)).__name__ in (
            "Generator",
            "RandomState",
            "Random",
        ):
            return True
        if isinstance(part, ast.Attribute | ast.Name) and getattr(part, "attr", getattr(part, "id", "")) == "random":
            return True
    return False


def scalar(node: ast.AST, namespace: Mapping[str, Any]) -> bool:
    """A value that is the same for every row."""
    if isinstance(node, ast.UnaryOp):
        return scalar(node.operand, namespace)
    if isinstance(node, ast.Name):
        return isinstance(namespace.get(node.id), int | float | str | bool)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Attribute) and node.attr == "nan")


def stores(node: ast.stmt, columns: Collection[str]) -> bool:
    """Whether a statement puts one of these columns into a frame: `df["churn"] = …`."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if not isinstance(target, ast.Subscript):
        return False
    located = isinstance(target.value, ast.Attribute) and target.value.attr == "loc"
    key = target.slice.elts[-1] if located and isinstance(target.slice, ast.Tuple) else target.slice
    return constant(key) in columns


def prepares(node: ast.AST, rows: Collection[str], namespace: Mapping[str, Any]) -> bool:
    """Whether an expression makes other values of the rows than it was given; choosing rows and columns makes none."""
    if not carries(node, rows):
        return False
    if isinstance(node, ast.Name | ast.Constant | ast.Lambda):
        return False
    if isinstance(node, ast.Attribute):
        of = node.value.attr if isinstance(node.value, ast.Attribute) else ""
        return of in ("dt", "cat", "str") or prepares(node.value, rows, namespace)
    if isinstance(node, ast.Subscript):
        return prepares(joined(node) or node.value, rows, namespace)
    if isinstance(node, ast.List | ast.Tuple | ast.Starred):
        return any(prepares(part, rows, namespace) for part in ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        return _call_prepares(node, rows, namespace)
    return True


def _call_prepares(node: ast.Call, rows: Collection[str], namespace: Mapping[str, Any]) -> bool:
    name = called(node)
    if isinstance(node.func, ast.Attribute) and carries(node.func.value, rows):
        return name not in SELECTING or prepares(node.func.value, rows, namespace)
    if name == "fit_resample":
        return any(prepares(part, rows, namespace) for part in node.args)
    if name == "concat":
        return stacks_columns(node) or any(prepares(part, rows, namespace) for part in node.args)
    if name in WRAPPING:
        return any(prepares(part, rows, namespace) for part in (*node.args, *(one.value for one in node.keywords)))
    return True


def stacks_columns(node: ast.Call) -> bool:
    return constant(keyword(node, "axis")) in (1, "columns") or (len(node.args) > 1 and constant(node.args[1]) == 1)
