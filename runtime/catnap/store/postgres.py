"""The store in Postgres 15 or newer, through psycopg 3."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int2Dumper

from catnap.errors import InvalidRequest, Unavailable
from catnap.store.migrations import Component, migrate

OLDEST = 150000
_MIGRATIONS = 0x6361746E6170
"""The advisory lock under which one gateway at a time migrates."""
_CONNECTION = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "target_session_attrs": "read-write",
}
"""So that a server that is gone, or no longer the primary, is noticed in seconds."""
_SESSION = """
SET statement_timeout = '30s';
SET idle_in_transaction_session_timeout = '30s';
SET client_min_messages = warning;
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""


_CLASHES = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    # What was prepared before a newer gateway added a column is forgotten with the
    # transaction, and prepared anew.
    psycopg.errors.FeatureNotSupported,
)


class Postgres:
    Error = psycopg.Error
    shared = True
    skip_locked = " FOR UPDATE SKIP LOCKED"
    batch = 64
    """Works in a transaction: of more subtransactions than that, Postgres keeps
    the rest where every other connection has to look them up."""

    def __init__(self, place: str) -> None:
        """place: a connection URI. Raises Unavailable where nobody answers,
        InvalidRequest where that is no Postgres of ours."""
        told = parse(place)
        self._uri = conninfo.make_conninfo(**(_CONNECTION | told))
        told.pop("password", None)
        self.place = f"Postgres at {conninfo.make_conninfo(**told)}"
        self._ahead = ""
        """What to say with the next statement, in one round trip."""
        try:
            self._connect()
        except psycopg.Error as error:
            raise Unavailable(f"{self.place}: cannot be reached: {_line(error)}") from None
        version = self._connection.info.server_version
        if version < OLDEST:
            self.close()
            raise InvalidRequest(
                f"{self.place}: Postgres {version // 10000} is too old: 15 or newer is needed"
            )

    @property
    def db(self) -> Postgres:
        return self

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        cursor = self._connection.cursor(row_factory=_rows)
        try:
            return cursor.execute(_numbered(sql).encode(), parameters or None)
        except psycopg.DataError:
            if any("\0" in each for each in parameters if isinstance(each, str)):
                raise InvalidRequest("text with a NUL (U+0000) in it names nothing here") from None
            raise

    def alone(self, name: str) -> bool:
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
        [[ours]] = self.execute("SELECT pg_try_advisory_xact_lock(?)", (key,))
        return bool(ours)

    def migrate(self, components: Sequence[Component]) -> None:
        try:
            with self._connection.transaction():
                self.execute("SET LOCAL statement_timeout = 0")
                self.execute(f"SELECT pg_advisory_xact_lock({_MIGRATIONS})")
                migrate(self, components, self.place, _in_postgres)
        except psycopg.Error as error:
            raise InvalidRequest(f"{self.place}: cannot be the store: {_line(error)}") from None

    def begin(self) -> None:
        if self.lost:
            self._connect()
        self._ahead = "BEGIN"

    def commit(self) -> None:
        self._say("COMMIT")

    def rollback(self) -> None:
        try:
            self._say("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def mark(self) -> None:
        statements = f"{self._ahead}; SAVEPOINT one"
        try:
            self._say(statements)
        except psycopg.OperationalError:
            if self._ahead != "BEGIN" or not self.lost:
                raise
            self._connect()  # the server was restarted while nobody asked
            self._say(statements)

    def undo(self) -> bool:
        if self.lost:
            return False
        self._say("ROLLBACK TO SAVEPOINT one")
        self._ahead = "RELEASE SAVEPOINT one"
        return True

    def keep(self) -> None:
        if self._connection.info.transaction_status is TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction(
                "the work went on after a statement of it had failed"
            )
        self._ahead = "RELEASE SAVEPOINT one"

    @property
    def lost(self) -> bool:
        return self._connection.closed

    def is_outage(self, error: Exception) -> bool:
        return isinstance(error, psycopg.OperationalError)

    def is_clash(self, error: Exception) -> bool:
        return isinstance(error, _CLASHES)

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> None:
        connection = psycopg.connect(self._uri, autocommit=True, cursor_factory=psycopg.RawCursor)
        connection.adapters.register_dumper(bool, _Truth)
        connection.execute(_SESSION.encode(), prepare=False)
        self._connection = connection

    def _say(self, statements: str) -> None:
        """In one round trip; prepared, it could be one statement only."""
        self._connection.execute(statements.encode(), prepare=False)


def parse(place: str) -> dict[str, str]:
    """What a URI says. Raises InvalidRequest, which does not show its password."""
    try:
        return {key: str(value) for key, value in conninfo.conninfo_to_dict(place).items()}
    except psycopg.ProgrammingError:
        raise InvalidRequest(
            "it is no URI of a Postgres: write postgresql://user:password@host:port/database"
        ) from None


class _Truth(Int2Dumper):
    """A truth as the INTEGER that it is in SQLite."""

    def dump(self, value: Any) -> bytes:
        return b"1" if value else b"0"


class _Row:
    """A row as sqlite3.Row has it."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Any]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, key: str | int) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> Iterable[str]:
        return self._places.keys()


def _rows(cursor: psycopg.Cursor[Any]) -> Any:
    places = {column.name: place for place, column in enumerate(cursor.description or ())}
    return functools.partial(_Row, places)


_PARAMETER = re.compile(r"'[^']*'|\"[^\"]*\"|\?")


@functools.lru_cache(1024)
def _numbered(sql: str) -> str:
    """With $1, $2 ... for each `?` that is not inside quotes."""
    numbers = itertools.count(1)
    return _PARAMETER.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], sql)


_WORDS = {
    "BLOB": "BYTEA",
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    # Compared by code points, as in SQLite.
    "TEXT": 'TEXT COLLATE "C"',
}
_TYPE = re.compile(rf"\b({'|'.join(_WORDS)})\b")
_OPTIONS = re.compile(r"\)\s*(STRICT|WITHOUT ROWID)(,\s*(STRICT|WITHOUT ROWID))*\s*$")


def _in_postgres(statement: str) -> str:
    """A step's statement, from SQLite's words."""
    if not re.match(r"\s*(CREATE|ALTER) TABLE\b", statement):
        return statement
    return _OPTIONS.sub(")", _TYPE.sub(lambda found: _WORDS[found[0]], statement))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
