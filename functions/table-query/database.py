"""A DuckDB that sees the files it is given and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
from settings import Settings
from tables import Table

from catnap import InvalidRequest, SkillError

RESULT = "the result"
"""The table that holds the answer; no name that a query's table can have."""
SAMPLE = 20_480
"""DuckDB's own default."""
_FROM_RESULT = f'FROM "{RESULT}"'


class Database:
    """In memory, for one query. Not safe for threads, save `interrupt`.

    Reads `files` (a table's path each) and writes `output`; every other path,
    address, extension and setting is out of a query's reach.
    """

    def __init__(self, files: Mapping[Table, Path], output: Path, settings: Settings) -> None:
        self._files = files
        self._output = output
        self._connection = duckdb.connect(
            config={
                "memory_limit": settings.memory,
                "threads": settings.threads,
                "temp_directory": str(output.parent / "spill"),
                "max_temp_directory_size": settings.disk,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            }
        )
        allowed = ", ".join(_text(path) for path in (*files.values(), output))
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"SET allowed_paths = [{allowed}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def open(self, sample: int = SAMPLE) -> None:
        """Makes the files tables, with types by the first `sample` rows.
        Raises InvalidRequest, which names the file."""
        for table, path in self._files.items():
            reader = table.reader.format(path=_text(path), sample=sample)
            try:
                self._connection.execute(f'CREATE OR REPLACE VIEW "{table.name}" AS FROM {reader}')
            except duckdb.Error as error:
                raise InvalidRequest(f"{table.key!r} cannot be read: {self._said(error)}") from None

    def run(self, sql: str) -> int:
        """Runs the query and keeps its result; gives back the number of rows."""
        with self._in_the_users_words():
            _check(self._connection.extract_statements(sql))
            sql = _without_end(sql)
            try:
                self._connection.sql(sql).create(RESULT)
            except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
                # A later row did not fit the types that the first ones showed.
                if "sample_size" not in str(error):
                    raise
                self.open(sample=-1)
                self._connection.sql(sql).create(RESULT)
            [[count]] = self._connection.execute(f"{_FROM_RESULT} SELECT count(*)").fetchall()
        return int(count)

    def columns(self) -> list[tuple[str, str]]:
        """Names and DuckDB types of the result's columns."""
        described = self._connection.execute(f"{_FROM_RESULT} LIMIT 0").description
        return [(name, str(kind)) for name, kind, *_ in described]

    def rows(self) -> Iterator[str]:
        """The result's rows, a JSON array each, but for NaN and Infinity."""
        with self._in_the_users_words():
            cursor = self._connection.execute(
                f"{_FROM_RESULT} SELECT json_array(*COLUMNS(*))::VARCHAR"
            )
            while batch := cursor.fetchmany(1000):
                yield from (row for (row,) in batch)

    def save(self, form: str) -> None:
        """Writes the result to the output: PARQUET, CSV or JSON."""
        with self._in_the_users_words():
            self._connection.execute(
                f'COPY "{RESULT}" TO {_text(self._output)} (FORMAT {form}, USE_TMP_FILE false)'
            )

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _in_the_users_words(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise SkillError(
                f"the query needs more than it may take: {self._said(error)}"
            ) from None
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise InvalidRequest(f"sql: {self._said(error)}; {self._schema()}") from None
        except duckdb.Error as error:
            raise InvalidRequest(f"sql: {self._said(error)}") from None

    def _said(self, error: duckdb.Error) -> str:
        """What DuckDB said, in one line and in the user's names."""
        said = str(error).partition("\n\n")[0].partition("\nTry ")[0]
        for table, path in self._files.items():
            said = said.replace(str(path), table.key)
        return " ".join(said.split())

    def _schema(self) -> str:
        found = self._connection.execute(
            "SELECT table_name, list(column_name || ' ' || data_type ORDER BY column_index) "
            "FROM duckdb_columns() WHERE NOT internal AND table_name <> $1 "
            "GROUP BY table_name ORDER BY table_name",
            [RESULT],
        ).fetchall()
        return "; ".join(f"table {name} has the columns {', '.join(of)}" for name, of in found)


def _check(statements: list[duckdb.Statement]) -> None:
    """The database is locked whatever a statement says; this makes the answer
    to one that gives no rows a plain one."""
    if len(statements) != 1:
        raise InvalidRequest(f"sql: holds {len(statements)} statements; a call takes exactly one")
    kind = statements[0].type
    # A PIVOT counts as several: it looks for its columns first.
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI):
        raise InvalidRequest(
            f"sql: {kind.name} is not allowed: only queries are, such as SELECT, WITH, FROM, "
            "PIVOT, DESCRIBE or SUMMARIZE"
        )


def _without_end(sql: str) -> str:
    """The statement without its semicolon and what stands after that."""
    data = sql.encode()
    for position, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and data[position : position + 1] == b";":
            return data[:position].decode()
    return sql


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
