"""What a component sees of the database, and what the store needs of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Row(Protocol):
    """Values by name or by position; iterates over the values; `dict(row)`."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""

    def fetchone(self) -> Any:
        """The next Row, or None."""

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A transaction, as work that runs in it sees it."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """One statement, in SQL that SQLite and Postgres both speak.

        Each parameter is a `?`. What has to differ from either's habits: a
        column named by a keyword is quoted ("user"), an upsert is ON CONFLICT,
        a truth is an INTEGER compared with 0 or 1, `coalesce` is for ifnull.
        """


class Engine(Protocol):
    """One connection, used by one thread at a time. Its methods raise `Error`."""

    @property
    def db(self) -> Database: ...

    @property
    def Error(self) -> type[Exception]:  # noqa: N802 - as a driver's module has it
        """What its driver's errors all are."""

    def migrate(self, components: Sequence[Any]) -> None:
        """Brings every component's tables up to date, all or none."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """Ends the transaction, where there still is one."""

    def mark(self) -> None:
        """Sets a savepoint."""

    def undo(self) -> bool:
        """Back to the savepoint; False where the whole transaction is gone."""

    def keep(self) -> None:
        """Drops the savepoint and keeps what was done since."""

    def is_outage(self, error: Exception) -> bool:
        """Whether the database could not, rather than would not."""

    def close(self) -> None: ...
