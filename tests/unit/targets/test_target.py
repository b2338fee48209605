from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nb2prod import environments
from nb2prod.home import Home
from nb2prod.targets.local import LocalTarget


class Made(Exception):
    """The control environment would have been made here."""


@pytest.mark.parametrize(
    "begin",
    [
        lambda target: target.warm(),
        lambda target: target.start_worker("delays", Path("bento"), None, "python"),
    ],
)
def test_the_control_environment_is_made_before_others_wait_for_a_lock(
    begin: Callable[[LocalTarget], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")

    def control(home: Home) -> Path:
        with home.lock("local", timeout=0.1):
            raise Made

    monkeypatch.setattr(environments, "control", control)
    with pytest.raises(Made):
        begin(LocalTarget(home))
