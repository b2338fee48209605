from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest

from nb2prod.home import Home
from nb2prod.store import Store
from nb2prod.store.engine import Database


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgres.server() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Both databases: every test of the store runs on each."""
    if request.param == "sqlite":
        yield None
        return
    with postgres.database(request.getfixturevalue("postgresql")) as url:
        yield url


@pytest.fixture
def whole(tmp_path: Path, url: str | None) -> Iterator[Store]:
    made = Store(Home(tmp_path / "a home", tmp_path / "cache"), url)
    yield made
    made.database.engine.dispose()


@pytest.fixture
def database(whole: Store) -> Database:
    return whole.database
