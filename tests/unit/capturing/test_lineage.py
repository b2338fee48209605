"""Where data came from, as the cells say it, without anybody's password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.lineage import _git, source_of


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("df = pd.read_csv('data/flights.csv')", "read_csv: data/flights.csv"),
        ("df = pd.read_parquet(FOLDER / 'a.parquet')", "read_parquet: /data/a.parquet"),
        ("df = pd.read_csv(f'https://example.com/{year}.csv')", "read_csv: https://example.com/{…}.csv"),
        ("df = pd.read_sql(query, engine)", "read_sql: select a, b from sales where year = 2024"),
        ("df = pd.read_sql('select 1', con='postgresql://me:pw@db/x')", "read_sql: select 1"),
        ("df = pd.read_sql_table('t', 'postgresql://me:pw@db/x')", "read_sql_table: t"),
        ("df = pd.read_json('https://me:pw@host/x?token=abc&y=1')", "read_json: https://me@host/x?token=…&y=1"),
        ("df = %sql select * from sales", "sql: select * from sales"),
        ("df = duckdb.sql('from sales.parquet').df()", "sql: from sales.parquet"),
        ("df = spark.sql(query).toPandas()", "sql: select a, b from sales where year = 2024"),
        ("df = load_iris(as_frame=True).frame", "load_iris"),
        ("ds = mlflow.data.from_pandas(raw, source='s3://lake/a.parquet', name='a')\ndf = ds.df", "from_pandas: s3://lake/a.parquet"),
        ("ds = mlflow.data.load_delta(table_name='main.sales')\ndf = ds.df", "load_delta: main.sales"),
        ("df = pd.DataFrame({'a': [1]})", None),
        ("df = pd.read_csv('a.csv').query('a > 1')", "read_csv: a.csv"),
    ],
)  # fmt: skip
def test_the_source_of_a_frame_is_what_its_cells_read(source: str, told: str | None) -> None:
    names = {"FOLDER": Path("/data"), "query": "select a, b\n  from sales where year = 2024"}
    notebook = Notebook(names, ((1, source), (2, "X = df[['a']]")))
    assert source_of("X", notebook) == told


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("n.ipynb", "ours.py"):
        (tmp_path / name).touch()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)


def dirty(folder: Path) -> bool | None:
    return _git(folder, [folder / "n.ipynb", folder / "ours.py"])[1]


def test_a_tree_as_committed_is_not_dirty_nor_is_one_with_files_that_the_model_does_not_use(repository: Path) -> None:
    assert dirty(repository) is False
    (repository / "notes.txt").touch()
    assert dirty(repository) is False


@pytest.mark.parametrize("name", ["n.ipynb", "notes.txt"])
def test_what_is_staged_or_changed_makes_it_dirty(name: str, repository: Path) -> None:
    (repository / name).write_text("more")
    git(repository, "add", name)
    assert dirty(repository) is True


@pytest.mark.parametrize("name", ["n.ipynb", "ours.py"])
def test_a_used_file_that_is_not_committed_makes_it_dirty(name: str, repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", name)
    git(repository, "commit", "-qm", "without")
    assert dirty(repository) is True


def test_outside_of_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert _git(tmp_path, [tmp_path / "n.ipynb"]) == (None, None)
