"""The bill of materials names what is locked and what is local, the same each time."""

import json
from pathlib import Path

from nb2prod.capturing.bill import bill, kept
from nb2prod.environments import Lock
from nb2prod.home import Home
from nb2prod.records.capture import LocalModule

PYLOCK = """lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "numpy"
version = "2.4.6"
wheels = [{ url = "https://x/numpy.whl", hashes = { sha256 = "%s" } }]
""" % ("a" * 64)
LOCK = Lock(text="numpy==2.4.6\n", key="k", packages=("numpy==2.4.6",), pylock=PYLOCK)
OWN = LocalModule(name="own", digest="b" * 64, files=("own.py",))


def test_packages_and_local_modules_are_named_with_their_hashes() -> None:
    said = json.loads(bill("delays", LOCK, [OWN]))
    assert said["bomFormat"] == "CycloneDX"
    parts = {part["name"]: part for part in said["components"]}
    assert parts["numpy"]["purl"] == "pkg:pypi/numpy@2.4.6"
    assert parts["numpy"]["hashes"][0]["content"] == "a" * 64
    assert parts["numpy"]["licenses"]
    assert parts["own"]["hashes"][0]["content"] == "b" * 64


def test_the_same_capture_gives_the_same_bill() -> None:
    assert bill("delays", LOCK, [OWN]) == bill("delays", LOCK, [OWN])
    assert bill("delays", LOCK, []) != bill("delays", LOCK, [OWN])


def test_a_bill_is_made_once_for_a_lock_and_its_code(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "cache")
    first = kept("delays", LOCK, [OWN], home)
    assert first == bill("delays", LOCK, [OWN]) == kept("delays", LOCK, [OWN], home)
    (file,) = (home.cache / "bills").iterdir()
    file.write_bytes(b"read, not made again")
    assert kept("delays", LOCK, [OWN], home) == b"read, not made again"
    assert kept("delays", LOCK, [], home) == bill("delays", LOCK, [])
