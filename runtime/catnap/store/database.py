"""The database as a component's work sees it."""

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
