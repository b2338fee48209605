"""A capture whose bytes or maker are not what they should be is loaded nowhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import captures
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.capturing import signing
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import Capture, Signed
from nb2prod.runtime import ed25519, manifest, signatures
from nb2prod.runtime.model import ServedModel

# RFC 8032, section 7.1, tests 1 to 3
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_hold(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(one) for one in (public, message, signature))
    assert ed25519.verify(key, text, signed)
    assert not ed25519.verify(key, text + b"\0", signed)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_a_signature_holds_as_cryptography_made_it_and_not_with_one_bit_flipped(
    secret: bytes, text: bytes, bit: int
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, signed = key.public_key().public_bytes_raw(), key.sign(text)
    assert ed25519.verify(public, text, signed)
    flipped = bytearray(signed)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(public, text, bytes(flipped))


def test_a_signature_with_a_multiple_of_the_order_added_is_another_and_refused() -> None:
    public, text, signed = (bytes.fromhex(one) for one in VECTORS[0])
    more = int.from_bytes(signed[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not ed25519.verify(public, text, signed[:32] + more.to_bytes(32, "little"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def made(home: Home) -> Capture:
    found = captures.capture(home.captures / "made", modules={"rates.py": "RATE = 2\n"})
    signing.sign(found.folder, found.manifest, home)
    return found


@pytest.fixture
def trusting(home: Home, made: Capture, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(signatures.VARIABLE, str(home.trusted))
    return home


def refusal(load: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        load()
    error = caught.value
    assert error.where
    assert error.why
    assert error.fix
    assert error.kept == "nothing was loaded"
    return error


def test_the_key_is_made_once_and_is_its_owners_alone(home: Home) -> None:
    first = signing.public_key(home)
    assert signing.public_key(home) == first
    assert (home.keys / signing.SECRET).stat().st_mode & 0o777 == 0o600
    assert home.keys.stat().st_mode & 0o777 == 0o700


def test_what_this_home_signed_is_loaded_and_says_so(trusting: Home, made: Capture) -> None:
    served = ServedModel.load(made.folder)
    assert served.checked == f"hashes, signature of {signing.public_key(trusting)[:16]}"


def test_without_trusted_keys_the_hashes_alone_are_asked_for(made: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(signatures.VARIABLE, raising=False)
    (made.folder / signatures.FILE).unlink()
    assert ServedModel.load(made.folder).checked == "hashes"


def test_one_flipped_byte_in_any_file_is_refused_by_its_name(trusting: Home, made: Capture) -> None:
    for name in [*made.manifest.files, manifest.FILE]:
        path = made.folder / name
        before = path.read_bytes()
        for at in {0, len(before) // 2, len(before) - 1} if before else ():
            path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
            with pytest.raises(Exception) as caught:
                ServedModel.load(made.folder)
            assert isinstance(caught.value, Refused) or name == manifest.FILE, name
            if name != manifest.FILE:
                assert caught.value.where.endswith(name)
        path.write_bytes(before)
    ServedModel.load(made.folder)


def test_a_manifest_written_anew_over_changed_files_does_not_carry_the_signature(trusting: Home, made: Capture) -> None:
    (made.folder / "code" / "rates.py").write_text("RATE = 3\n")
    manifest.write(made.folder)
    assert refusal(lambda: ServedModel.load(made.folder)).code == "bad-signature"


def test_a_foreign_key_is_refused_and_named_until_it_is_trusted(trusting: Home, made: Capture, tmp_path: Path) -> None:
    theirs = Home(tmp_path / "theirs")
    signing.sign(made.folder, made.manifest, theirs)
    error = refusal(lambda: ServedModel.load(made.folder))
    assert error.code == "foreign-key"
    assert signing.public_key(theirs) in error.fix
    (trusting.trusted / "theirs.pub").write_bytes((theirs.trusted / signing.PUBLIC).read_bytes())
    ServedModel.load(made.folder)


def test_a_capture_without_its_signature_is_refused_where_keys_are_set(trusting: Home, made: Capture) -> None:
    (made.folder / signatures.FILE).unlink()
    assert refusal(lambda: ServedModel.load(made.folder)).code == "unsigned"
    (made.folder / signatures.FILE).write_text("{}")
    assert refusal(lambda: ServedModel.load(made.folder)).code == "bad-signature"


def test_a_signature_of_another_capture_does_not_hold(trusting: Home, made: Capture) -> None:
    other = captures.capture(trusting.captures / "other", seed=1)
    signing.sign(other.folder, other.manifest, trusting)
    (made.folder / signatures.FILE).write_bytes((other.folder / signatures.FILE).read_bytes())
    assert refusal(lambda: ServedModel.load(made.folder)).code == "bad-signature"


def test_keys_are_read_in_pem_in_openssh_form_and_in_hexadecimal_digits(home: Home) -> None:
    key = signing.public_key(home)
    public = Ed25519PrivateKey.generate().public_key()
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    text = f"{signatures.pem(key)}\n{public.public_bytes(*form).decode()} me@laptop\n{'ab' * 32}  # the build server\n"
    assert set(signatures.public_keys(text)) == {key, public.public_bytes_raw().hex(), "ab" * 32}


@pytest.mark.parametrize("text", [None, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_place_without_keys_lets_nothing_in(
    text: str | None, made: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "keys.txt"
    if text is not None:
        place.write_text(text)
    monkeypatch.setenv(signatures.VARIABLE, str(place))
    assert refusal(lambda: ServedModel.load(made.folder)).code == "no-trusted-keys"


def test_a_link_out_of_the_capture_is_refused(trusting: Home, made: Capture, tmp_path: Path) -> None:
    path = made.folder / "code" / "rates.py"
    (tmp_path / "rates.py").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "rates.py")
    assert refusal(lambda: ServedModel.load(made.folder)).title == "`code/rates.py` is a link or a device"


def test_the_signature_changes_nothing_of_what_names_a_capture(made: Capture) -> None:
    assert signatures.FILE not in made.manifest.files
    assert manifest.hashed(made.folder).digest == made.digest
    signed = read(made.folder / signatures.FILE, Signed)
    (made.folder / signatures.FILE).write_bytes(to_json(signed))
    assert len(base64.b64decode(signed.signature)) == 64
