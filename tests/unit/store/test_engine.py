from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from nb2prod.errors import Conflict, Unavailable, UsageError
from nb2prod.store.engine import Database, Migration, Section

metadata = sa.MetaData()
notes = sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))


class Notes(Section):
    name = "notes"
    metadata = metadata


def _add_author(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE notes ADD COLUMN author TEXT")


class NewerNotes(Notes):
    schema = 2
    migrations: ClassVar[Mapping[int, Migration]] = {1: _add_author}


def test_a_section_makes_its_tables_once(database: Database) -> None:
    for _ in range(2):
        Notes(database)
    with database.read() as connection:
        assert sa.inspect(connection).has_table("notes")


def test_a_failed_transaction_keeps_nothing(database: Database) -> None:
    Notes(database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(sa.insert(notes).values(text=str(connection.execute(sa.insert(notes)).rowcount / 0)))
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(notes)) == 0


def test_an_older_section_is_backed_up_and_migrated(database: Database) -> None:
    Notes(database)
    with database.write() as connection:
        connection.execute(sa.insert(notes).values(text="kept"))
    NewerNotes(database)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT text, author FROM notes").all() == [("kept", None)]
    backups = list((database.home.root / "backups").glob("nb2prod-notes-1-*.db"))
    assert len(backups) == int(database.sqlite)  # a server's database has backups of its own


def test_a_newer_section_is_refused_with_the_fix(database: Database) -> None:
    NewerNotes(database)
    with pytest.raises(Conflict) as caught:
        Notes(database)
    assert caught.value.code == "newer-schema"
    assert caught.value.fix == "pip install --upgrade nb2prod"


def test_a_url_of_no_database_is_a_usage_error(database: Database) -> None:
    with pytest.raises(UsageError):
        Database(database.home, "nothing at all")


def test_a_store_that_cannot_be_opened_is_unavailable(database: Database, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Notes(Database(database.home, f"sqlite:///{tmp_path}/missing/folder/x.db"))
