"""What an expression of constants gives: credentials are joined, formatted, encoded and turned around to be out of sight.

Nothing of the notebook runs: only what is listed here is understood, on values of limited size; all else gives nothing.
"""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import operator
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nb2prod.capturing.credentials import names

Known = Mapping[str, Any]

_LONGEST = 200_000
_ANY = zlib.MAX_WBITS | 32  # gzip as well
_MOST = 2_000  # members of a list
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitXor: operator.xor,
}
_SAME = frozenset(
    {
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "swapcase",
        "title",
        "capitalize",
        "replace",
        "format",
        "removeprefix",
    }
    | {"removesuffix", "zfill", "hex", "encode", "decode", "join", "split", "rsplit", "splitlines", "translate"}
)
_DECODED: dict[str, Callable[[Any], Any]] = {
    "b64decode": lambda text: base64.b64decode(_padded(text)),
    "standard_b64decode": lambda text: base64.b64decode(_padded(text)),
    "urlsafe_b64decode": lambda text: base64.urlsafe_b64decode(_padded(text)),
    "decodebytes": base64.decodebytes,
    "b32decode": base64.b32decode,
    "b16decode": base64.b16decode,
    "b85decode": base64.b85decode,
    "a85decode": base64.a85decode,
    "a2b_base64": binascii.a2b_base64,
    "fromhex": lambda text: bytes.fromhex(text),
    "unhexlify": binascii.unhexlify,
    "a2b_hex": binascii.unhexlify,
    "decompress": lambda data: zlib.decompressobj(_ANY).decompress(data, _LONGEST),
    **dict.fromkeys(("b64encode", "standard_b64encode", "encodebytes"), lambda given: base64.b64encode(_bytes(given))),
    "urlsafe_b64encode": lambda given: base64.urlsafe_b64encode(_bytes(given)),
    "hexlify": lambda given: binascii.hexlify(_bytes(given)),
    "unquote": urllib.parse.unquote,
    "unquote_plus": urllib.parse.unquote_plus,
    "quote": str,
    "quote_plus": str,
    "dedent": str,
}
_BUILT_IN: dict[str, Callable[..., Any]] = {
    "str": lambda *of: of[0].decode() if isinstance(of[0], bytes) else str(of[0]),
    "bytes": lambda *of: bytes(of[0]) if not isinstance(of[0], str) else of[0].encode(),
    "bytearray": lambda *of: bytes(of[0]) if not isinstance(of[0], str) else of[0].encode(),
    "chr": chr,
    "ord": ord,
    "list": list,
    "tuple": tuple,
    "reversed": lambda of: list(reversed(of)),
    "sorted": sorted,
    "map": lambda how, of: [_mapped(how, one) for one in of],
    "maketrans": str.maketrans,
    "zip": lambda *of: list(zip(*of, strict=False)),
}


def text(node: ast.AST | None, known: Known | None = None) -> str | None:
    """The text that an expression of constants gives; what an f-string is filled with and nobody knows is `{…}`.

    Examples
    --------
    >>> text(ast.parse("'-'.join(['ab', 'cd'])[::-1]", mode="eval").body)
    'dc-ba'
    >>> text(ast.parse("f'{host}/x'", mode="eval").body)
    '{…}/x'
    """
    if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.ListComp | ast.GeneratorExp):
        return None
    value = fold(node, known or {})
    if isinstance(value, bytes):
        return value[:_LONGEST].decode("latin-1")
    return value if isinstance(value, str) else None


def fold(node: ast.AST | None, known: Known) -> Any:
    """The value of an expression of constants, None where it is none."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return None
    try:
        value = handler(node, known)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        zlib.error,
    ):  # binascii.Error is a ValueError
        return None
    return value if not isinstance(value, str | bytes | list | tuple) or len(value) <= _LONGEST else None


def _joined(node: ast.JoinedStr, known: Known) -> str:
    parts = []
    for part in node.values:
        value = fold(part.value if isinstance(part, ast.FormattedValue) else part, known)
        parts.append(value if isinstance(value, str) else str(value) if isinstance(value, int) else "{…}")
    return "".join(parts)


def _operated(node: ast.BinOp, known: Known) -> Any:
    left = fold(node.left, known)
    if left is None:
        return None
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return _formatted(left, node.right, known)
    right = fold(node.right, known)
    if right is None:
        return None
    if isinstance(node.op, ast.Mult) and isinstance(right, int):
        return left * right if right <= 100 else None
    if isinstance(node.op, ast.Mod) and isinstance(left, int):
        return left % right
    return _OPERATIONS[type(node.op)](left, right)


def _formatted(form: str, given: ast.expr, known: Known) -> str | None:
    """`"%s:%s" % (a, b)`, with `{…}` for what nobody knows."""
    if isinstance(given, ast.Dict):
        keys = [fold(key, known) for key in given.keys]
        return form % {key: _shown(value, known) for key, value in zip(keys, given.values, strict=True)}
    values = given.elts if isinstance(given, ast.Tuple) else [given]
    return form % tuple(_shown(value, known) for value in values)


def _shown(node: ast.expr, known: Known) -> Any:
    value = fold(node, known)
    return "{…}" if value is None else value


def _sliced(node: ast.Subscript, known: Known) -> Any:
    value = fold(node.value, known)
    if value is None:
        return None
    if isinstance(node.slice, ast.Slice):
        ends = (node.slice.lower, node.slice.upper, node.slice.step)
        return value[slice(*(fold(end, known) for end in ends))]
    return value[fold(node.slice, known)]


def _called(node: ast.Call, known: Known) -> Any:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _DECODED and node.args:
        given = fold(node.args[0], known)
        found = None if given is None else _DECODED[name](given)
        return found if isinstance(found, str) or found is None or _readable(found) else None
    if name == "decode" and isinstance(function, ast.Attribute) and len(node.args) == 2:  # codecs.decode
        return codecs.decode(fold(node.args[0], known), fold(node.args[1], known))
    if name in _BUILT_IN and (isinstance(function, ast.Name) or name == "maketrans"):
        given = [_argument(one, known) for one in node.args]
        return None if None in given else _BUILT_IN[name](*given)
    if isinstance(function, ast.Attribute) and name in _SAME:
        return _method(node, function, known)
    return None


def _method(node: ast.Call, function: ast.Attribute, known: Known) -> Any:
    value = fold(function.value, known)
    if not isinstance(value, str | bytes):
        return None
    if function.attr == "format" and isinstance(value, str):
        given = [_shown(one, known) for one in node.args]
        return value.format(*given, **{one.arg: _shown(one.value, known) for one in node.keywords if one.arg})
    given = [fold(one, known) for one in node.args]
    return None if None in given else getattr(value, function.attr)(*given)


def _listed(node: ast.List | ast.Tuple | ast.Set, known: Known) -> Any:
    if len(node.elts) > _MOST:
        return None
    found = [fold(part, known) for part in node.elts]
    return None if None in found else found


def _comprehended(node: ast.ListComp | ast.GeneratorExp | ast.SetComp, known: Known) -> Any:
    first = node.generators[0]
    if len(node.generators) > 1 or first.ifs:
        return None
    given = _members(first.iter, known)
    if given is None or len(given) > _MOST:
        return None
    found = [fold(node.elt, {**known, **_bound(first.target, one)}) for one in given]
    return None if None in found else found


def _members(node: ast.expr, known: Known) -> list[Any] | None:
    """What a loop goes over; `enumerate(…)` too."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "enumerate" and node.args:
        given = fold(node.args[0], known)
        return None if given is None else list(enumerate(given))
    given = fold(node, known)
    return list(given) if isinstance(given, str | bytes | list | tuple) else None


def _bound(target: ast.expr, value: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple):
        return {one.id: part for one, part in zip(target.elts, value, strict=True) if isinstance(one, ast.Name)}
    return {}


def _argument(node: ast.expr, known: Known) -> Any:
    if isinstance(node, ast.Lambda):
        return node
    return node.id if isinstance(node, ast.Name) and node.id in ("chr", "str", "ord") else fold(node, known)


def _mapped(how: Any, one: Any) -> Any:
    if isinstance(how, ast.Lambda):
        return fold(how.body, {how.args.args[0].arg: one})
    return _BUILT_IN[how](one)


def _padded(given: str | bytes) -> bytes:
    data = given.encode("ascii") if isinstance(given, str) else given
    return data + b"=" * (-len(data) % 4)


def _bytes(given: str | bytes) -> bytes:
    """What is encoded; a login whose parts nobody knows, or which a manual shows, is none."""
    data = given.encode() if isinstance(given, str) else given
    plain = data.decode("utf-8", "replace")
    if "{…}" in plain or names.is_no_secret(plain.rpartition(":")[2]):
        raise ValueError("unknown")
    return data


def _readable(data: bytes) -> bool:
    """Whether bytes are a text, or at least could be looked into further."""
    return all(32 <= byte < 127 or byte in (9, 10, 13) for byte in data[:64]) or data[:1] in (b"x", b"\x1f")


_HANDLERS: dict[Any, Callable[[Any, Known], Any]] = {
    ast.Constant: lambda node, known: node.value if isinstance(node.value, str | bytes | int) else None,
    ast.Name: lambda node, known: known.get(node.id),
    ast.JoinedStr: _joined,
    ast.BinOp: _operated,
    ast.Subscript: _sliced,
    ast.Call: _called,
    ast.List: _listed,
    ast.Tuple: _listed,
    ast.ListComp: _comprehended,
    ast.GeneratorExp: _comprehended,
}


def constants(tree: ast.AST) -> dict[str, Any]:
    """The names of a piece of code that one constant is given to, each with its value."""
    found: dict[str, Any] = {}
    for node in _assignments(tree):
        _learn(node, found)
    return {name: value for name, value in found.items() if value is not None}


def _assignments(tree: ast.AST) -> Iterable[ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr]:
    kinds = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def _learn(node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr, found: dict[str, Any]) -> None:
    value = fold(node.value, found)
    if isinstance(node, ast.AugAssign):
        name, before = getattr(node.target, "id", ""), found.get(getattr(node.target, "id", ""))
        both = isinstance(before, str) and isinstance(value, str) and isinstance(node.op, ast.Add)
        found[name] = f"{before}{value}" if both else None
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            found[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, list) and len(value) == len(target.elts):
            found.update(
                {one.id: part for one, part in zip(target.elts, value, strict=True) if isinstance(one, ast.Name)}
            )
