from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.home import Home
from nb2prod.targets.local.runs import Run, bento_worker


@pytest.mark.parametrize("given", [None, "/etc/keys"])
def test_a_worker_is_told_whose_captures_it_may_load(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NB2PROD_TRUSTED_KEYS", raising=False)
    if given:
        monkeypatch.setenv("NB2PROD_TRUSTED_KEYS", given)
    home = Home(tmp_path / "home")
    run = Run(home, tmp_path, _row(), bento_worker)
    (program,) = run.programs()
    assert program.environment["NB2PROD_TRUSTED_KEYS"] == (given or str(home.trusted))


def _row() -> object:
    from types import SimpleNamespace

    return SimpleNamespace(name="loans", run=1, workers=1, state="live", python="/p", bento="/b", version=1)
