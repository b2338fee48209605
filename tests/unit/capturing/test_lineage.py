"""Where data came from, as the cells say it, without anybody's password."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.lineage import source_of


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
