"""What a query cannot reach: each of these statements was meant to get out."""

from pathlib import Path

import duckdb
import pytest
from database import Database
from main import query
from settings import Settings
from tables import Table

from catnap import CatnapError, InvalidRequest, SkillError
from catnap.errors import DeadlineExceeded
from catnap.skills.testing import FakeGateway, call

FORBIDDEN = "file system operations are disabled|not allowed|does not exist|locked|disabled through"

READS = [
    "FROM read_csv('{outside}')",
    "FROM read_text('{outside}')",
    "FROM read_blob('{outside}')",
    "FROM read_json('{outside}')",
    "FROM read_parquet('{outside}')",
    "FROM '{outside}'",
    "FROM '{outside}.csv'",
    "FROM read_text(['{inside}', '{outside}'])",
    "FROM read_text('{link}')",
    "FROM read_text('{inside}/../outside.csv')",
    "FROM read_text('{folder}/*')",
    "FROM glob('{folder}/*')",
    "FROM sniff_csv('{outside}')",
    "FROM parquet_metadata('{outside}')",
    "FROM read_text('/proc/self/environ')",
    "FROM read_text('/dev/stdin')",
    "FROM read_csv('http://127.0.0.1:1/x.csv')",
    "FROM 's3://bucket/x.parquet'",
    "SELECT getenv('PATH')",
    "FROM duckdb_secrets()",
    "FROM query('FROM read_text(''{outside}'')')",
    "FROM query_table('{outside}')",
]
STATEMENTS = [
    "ATTACH '{outside}'",
    "COPY sales TO '{folder}/out.csv'",
    "COPY sales TO '{inside}'",
    "COPY (FROM sales) TO '/dev/stdout'",
    "EXPORT DATABASE '{folder}/all'",
    "IMPORT DATABASE '{folder}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{outside}'",
    "SET enable_external_access = true",
    "SET allowed_paths = ['{outside}']",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "PRAGMA enable_profiling",
    "CREATE SECRET (TYPE s3)",
    "INSERT INTO sales VALUES (1)",
]
HARMLESS = [
    "CREATE TABLE t AS SELECT 1",
    "CALL pragma_version()",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE COPY sales TO '{inside}' (USE_TMP_FILE false)",
    "COPY sales TO '{inside}' (USE_TMP_FILE false)",
]
"""These reach the call's own copy of a file at most; they are no queries."""


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    names = {name: str(tmp_path / name) for name in ("inside", "outside", "link")}
    for name in ("inside", "outside"):
        Path(f"{names[name]}.csv").write_text("secret\n1\n")
    Path(f"{names['link']}.csv").symlink_to(f"{names['outside']}.csv")
    return {name: f"{path}.csv" for name, path in names.items()} | {"folder": str(tmp_path)}


@pytest.mark.parametrize("sql", READS + STATEMENTS + HARMLESS)
async def test_a_query_is_refused_what_it_was_not_given(sql: str, places: dict[str, str]) -> None:
    payload = {"sql": sql.format(**places), "files": ["sales.csv"]}
    with pytest.raises(CatnapError, match=FORBIDDEN) as raised:
        await call(query, payload, gateway=FakeGateway({"sales.csv": "a\n1\n"}))
    assert isinstance(raised.value, InvalidRequest | SkillError)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_database_is_locked_whatever_the_kind_of_statement(
    sql: str, places: dict[str, str]
) -> None:
    table = Table("sales", "sales.csv", ".csv", "read_csv({path})")
    folder = Path(places["folder"])
    before = {path.name: path.read_text() for path in folder.iterdir()}
    database = Database({table: Path(places["inside"])}, folder / "result.parquet", Settings())
    database.open()
    with pytest.raises(duckdb.Error):
        database._connection.execute(sql.format(**places))
    database.close()
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


async def test_another_users_key_is_not_there() -> None:
    gateway = FakeGateway({"sales.csv": "a\n1\n"})
    payload = {"sql": "FROM sales", "files": ["sales.csv"]}
    with pytest.raises(CatnapError, match="has no file"):
        await call(query, payload, gateway=gateway, user="somebody-else")


async def test_only_the_named_files_are_tables() -> None:
    gateway = FakeGateway({"sales.csv": "a\n1\n", "salaries.csv": "a\n1\n"})
    payload = {"sql": "FROM salaries", "files": ["sales.csv"]}
    with pytest.raises(InvalidRequest, match="salaries does not exist"):
        await call(query, payload, gateway=gateway)


async def test_python_variables_are_no_tables() -> None:
    payload = {"sql": "FROM payload", "files": ["sales.csv"]}
    with pytest.raises(InvalidRequest, match="payload does not exist"):
        await call(query, payload, gateway=FakeGateway({"sales.csv": "a\n1\n"}))


async def test_an_endless_query_ends_with_its_call() -> None:
    sql = "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)"
    payload = {"sql": sql, "files": ["sales.csv"]}
    with pytest.raises(DeadlineExceeded):
        await call(query, payload, gateway=FakeGateway({"sales.csv": "a\n1\n"}), timeout=1)


async def test_a_query_that_needs_too_much_is_refused(tmp_path: Path) -> None:
    table = Table("sales", "sales.csv", ".csv", "read_csv({path})")
    (tmp_path / "sales.csv").write_text("a\n1\n")
    small = Settings(memory="20MB", disk="1MB", threads=1)
    database = Database({table: tmp_path / "sales.csv"}, tmp_path / "result.parquet", small)
    with pytest.raises(SkillError, match="more than it may take"):
        database.run("SELECT list(i) FROM range(20000000) t(i)")
    database.close()
