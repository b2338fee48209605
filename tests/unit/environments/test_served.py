"""BentoML's own app is made in a proof once for each environment and state of the serving code."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.environments import served
from nb2prod.runtime import shipped


def test_the_mark_belongs_to_environment_and_serving_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, other = (tmp_path / name / "bin" / "python" for name in ("here", "other"))
    for python in (here, other):
        python.parent.mkdir(parents=True)
    assert not served.before(here)
    served.now(here)
    assert served.before(here)
    assert not served.before(other)
    monkeypatch.setattr(shipped, "digest", lambda: "f" * 64)
    assert not served.before(here)
