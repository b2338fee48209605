"""A PEP 751 lock keeps neither credentials nor this machine's paths, and its requirements name no index."""

from pathlib import Path

from nb2prod.environments import pylock
from nb2prod.environments.wheels import sha256

LOCK = """lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "six"
version = "1.17.0"
wheels = [{ url = "https://me:s3cret@host.example/six.whl?token=t0ken#x", hashes = { sha256 = "22" } }, \
{ url = "https://host.example/other.whl", hashes = { sha256 = "11" } }]

[[packages]]
name = "own-thing"
version = "1.0"
archive = { path = "PATH", hashes = { sha256 = "33" } }
"""


def test_addresses_lose_user_and_query_and_wheels_their_place(tmp_path: Path) -> None:
    wheel = tmp_path / "own_thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"x")
    said = pylock.portable(LOCK.replace("PATH", str(wheel)), {"own-thing": wheel})
    assert "s3cret" not in said
    assert "t0ken" not in said
    assert 'url = "https://host.example/six.whl"' in said
    assert 'path = "wheels/own_thing-1.0-py3-none-any.whl"' in said


def test_the_requirements_are_hashed_and_name_no_index(tmp_path: Path) -> None:
    wheel = tmp_path / "own_thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"x")
    text = pylock.requirements(LOCK, {"own-thing": wheel})
    assert text == (
        f"own-thing==1.0 \\\n    --hash=sha256:{sha256(wheel)}\nsix==1.17.0 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    )
