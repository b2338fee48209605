"""Who made a capture: its manifest's signature, and the keys that are trusted here."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nb2prod.errors import Nb2prodError, Refused
from nb2prod.records.base import read
from nb2prod.records.capture import Manifest, Signed
from nb2prod.runtime import ed25519

FILE: Final = "signature.json"
VARIABLE: Final = "NB2PROD_TRUSTED_KEYS"
_DER: Final = bytes.fromhex("302a300506032b6570032100")
_SSH: Final = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", re.DOTALL)
_LINE: Final = re.compile(r"(?m)^\s*(?:ssh-ed25519\s+(?P<ssh>[A-Za-z0-9+/=]+)|(?P<hex>[0-9a-f]{64}))(?:\s.*)?$")


def message(manifest: Manifest) -> bytes:
    """What is signed: the digest over every path and hash, with its purpose, so that it stands for nothing else."""
    return b"nb2prod capture 1\n" + manifest.digest.encode()


def require(folder: Path, manifest: Manifest, keys: str) -> str:
    """The public key (hexadecimal) that signed the capture, one of those under `keys`.

    Parameters
    ----------
    keys
        A file of public keys or a folder of such files: PEM, OpenSSH's ``ssh-ed25519 …``, or 64 hexadecimal digits a line.

    Raises
    ------
    Refused
        ``no-trusted-keys``, ``unsigned``, ``foreign-key`` or ``bad-signature``.
    """
    trusted = _trusted(Path(keys))
    signed = _read(folder)
    if signed.key not in trusted:
        raise _refused(
            "foreign-key",
            "The capture was signed by a key that is not trusted here",
            folder,
            f"Its key is {signed.key}; trusted are {len(trusted)} keys of {keys}. Whoever made it could run any code here.",
            f"echo {signed.key} >> {_new_file(Path(keys))}      # only if you know whose it is: nb2prod doctor shows it there",
        )
    if not ed25519.verify(bytes.fromhex(signed.key), message(manifest), _bytes(signed.signature)):
        raise _refused(
            "bad-signature",
            "The signature is not that of this capture",
            folder,
            "The manifest or the signature was changed after it was signed.",
            "%deploy model      # captures and signs it again",
        )
    return signed.key


def checked(folder: Path) -> str:
    """What was held against a loaded capture, for `/readyz` and the log: `hashes`, or `hashes, signature of KEY`."""
    return f"hashes, signature of {_read(folder).key[:16]}" if os.environ.get(VARIABLE) else "hashes"


def public_keys(text: str) -> Iterator[str]:
    """The Ed25519 public keys of a text, in hexadecimal digits."""
    for pem in _PEM.finditer(text):
        der = _bytes(pem[1])
        if der.startswith(_DER) and len(der) == len(_DER) + 32:
            yield der[len(_DER) :].hex()
    for line in _LINE.finditer(text):
        if line["hex"]:
            yield line["hex"]
        elif (blob := _bytes(line["ssh"])).startswith(_SSH):
            yield blob[len(_SSH) :].hex()


def pem(key: str) -> str:
    """A public key as PEM says it."""
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(_DER + bytes.fromhex(key)).decode()}\n-----END PUBLIC KEY-----\n"


def _trusted(place: Path) -> set[str]:
    try:
        files = [path for path in sorted(place.iterdir()) if path.is_file()] if place.is_dir() else [place]
        found = {key for path in files for key in public_keys(path.read_text(errors="replace"))}
    except OSError as error:
        raise _no_keys(place, f"It cannot be read: {error.strerror}.") from error
    if not found:
        raise _no_keys(place, "There is no Ed25519 public key in it.")
    return found


def _read(folder: Path) -> Signed:
    path = folder / FILE
    if not path.is_file():
        raise _refused(
            "unsigned",
            "The capture is not signed",
            folder,
            f"{VARIABLE} is set, so only what a trusted key signed is loaded.",
            "nb2prod doctor --fix      # signs what this home captured",
        )
    try:
        return read(path, Signed)
    except Nb2prodError as error:
        raise _refused(
            "bad-signature",
            "The signature cannot be read",
            folder,
            error.why or error.title,
            "%deploy model      # captures and signs it again",
        ) from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _new_file(place: Path) -> Path:
    return place / "trusted.txt" if place.is_dir() else place


def _no_keys(place: Path, why: str) -> Refused:
    return Refused(
        f"{VARIABLE} names no key",
        code="no-trusted-keys",
        where=str(place),
        why=why,
        fix=f"export {VARIABLE}=/a/folder/of/public/keys      # or unset {VARIABLE}",
        kept="nothing was loaded",
    )


def _refused(code: str, title: str, folder: Path, why: str, fix: str) -> Refused:
    return Refused(title, code=code, where=str(folder / FILE), why=why, fix=fix, kept="nothing was loaded")
