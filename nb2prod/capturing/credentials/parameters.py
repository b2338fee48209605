"""The parameters of functions and classes that code defines: they name what a call passes by position."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nb2prod.capturing.credentials import folding

# what packages ask by position, by the name that is called, or by it and the one before
_KNOWN = {
    "jwt.encode": ("payload", "secret"),
    "jwt.decode": ("payload", "secret"),
    "jws.sign": ("payload", "secret"),
    "hmac.new": ("secret", "message"),
    "hmac.digest": ("secret", "message"),
    "execute_kw": ("database", "uid", "password"),
    "Minio": ("endpoint", "access_key", "secret_key"),
    "SpotifyClientCredentials": ("client", "client_secret"),
    "SpotifyOAuth": ("client", "client_secret"),
    "OAuthHandler": ("consumer_key", "consumer_secret"),
    "OAuth1UserHandler": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "OAuth1": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "set_access_token": ("access_token", "access_token_secret"),
    "URLSafeTimedSerializer": ("secret_key",),
    "URLSafeSerializer": ("secret_key",),
    "TimestampSigner": ("secret_key",),
    **dict.fromkeys(
        ("pymysql.connect", "MySQLdb.connect", "pymssql.connect"), ("host", "user", "password", "database")
    ),
    **dict.fromkeys(("oracledb.connect", "cx_Oracle.connect"), ("user", "password", "address")),
    "dbapi.connect": ("address", "port", "user", "password"),
    "load_cert_chain": ("certificate", "file", "password"),
    "SentinelAPI": ("user", "password", "address"),
    "FTP": ("host", "user", "password"),
}


def of(tree: ast.AST) -> dict[str, tuple[str, ...]]:
    """The parameters of each function, class and named tuple, by its name.

    Examples
    --------
    >>> of(ast.parse("def connect(host, password): ..."))
    {'connect': ('host', 'password')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.setdefault(node.name, _arguments(node.args))
        elif isinstance(node, ast.ClassDef):
            found[node.name] = _of_class(node)
        elif (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name)
        ):
            fields = _fields(node.value)
            if fields:
                found[node.targets[0].id] = fields
    return {name: asked for name, asked in found.items() if asked}


def known(dotted: Sequence[str]) -> tuple[str, ...]:
    """What a well-known function asks by position; `dotted` is its name and those before it.

    Examples
    --------
    >>> known(("encode", "jwt")), known(("encode", "text"))
    (('payload', 'secret'), ())
    """
    within = f"{dotted[1]}.{dotted[0]}" if len(dotted) > 1 else ""
    return _KNOWN.get(within) or (_KNOWN.get(dotted[0], ()) if dotted else ())


def _arguments(given: ast.arguments) -> tuple[str, ...]:
    asked = tuple(one.arg for one in (*given.posonlyargs, *given.args))
    return asked[1:] if asked[:1] in (("self",), ("cls",)) else asked


def _of_class(node: ast.ClassDef) -> tuple[str, ...]:
    """What its `__init__` asks, else its annotated fields, as dataclasses, named tuples and settings have them."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return _arguments(part.args)
    return tuple(
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    )


def _fields(call: ast.Call) -> tuple[str, ...]:
    """`namedtuple("Login", "user password")` and `make_dataclass("Login", ["user", "password"])`."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called not in ("namedtuple", "NamedTuple", "make_dataclass") or len(call.args) < 2:
        return ()
    fields = folding.fold(call.args[1], {})
    if isinstance(fields, str):
        return tuple(fields.replace(",", " ").split())
    if not isinstance(fields, list):
        return ()
    return tuple(str(one[0] if isinstance(one, list) else one) for one in fields if one)
