"""The home's own key: made once, readable by its owner alone, it signs every capture's manifest.

OpenSSF's model-signing was looked at first: its bundle needs 35 packages where it is checked, has no Ed25519 keys, and hashes
all files by a manifest of its own beside ours. What is signed here is the digest that names a capture everywhere else.
"""

from __future__ import annotations

import base64
from pathlib import Path

from nb2prod.home import Home, write_atomic
from nb2prod.records.base import to_json
from nb2prod.records.capture import Manifest, Signed
from nb2prod.runtime import signatures

SECRET = "signing.pem"
PUBLIC = "signing.pub"


def sign(folder: Path, manifest: Manifest, home: Home) -> Signed:
    """Sign a capture's manifest and write ``signature.json`` beside it, outside of what is hashed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = serialization.load_pem_private_key(_secret(home).read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    signature = base64.b64encode(key.sign(signatures.message(manifest))).decode()
    signed = Signed(key=key.public_key().public_bytes_raw().hex(), signature=signature)
    write_atomic(folder / signatures.FILE, to_json(signed))
    return signed


def public_key(home: Home) -> str:
    """The home's public key in hexadecimal digits; made now where there is none yet."""
    _secret(home)
    return next(signatures.public_keys((home.trusted / PUBLIC).read_text()))


def _secret(home: Home) -> Path:
    """The private key's file; the public one lies among the keys that this home trusts."""
    path = home.keys / SECRET
    with home.lock("keys"):
        if not path.is_file():
            _make(path)
        if not (home.trusted / PUBLIC).is_file():
            home.trusted.mkdir(parents=True, exist_ok=True)
            write_atomic(home.trusted / PUBLIC, signatures.pem(_public_of(path)).encode())
    return path


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_atomic(path, Ed25519PrivateKey.generate().private_bytes(*form), mode=0o600)


def _public_of(path: Path) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.public_key().public_bytes_raw().hex()
