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

    @property
    def skip_locked(self) -> str:
        """What makes a SELECT lock its rows and leave out those that another
        gateway's transaction holds; at its end."""

    def alone(self, name: str) -> bool:
        """Whether the name is this transaction's until its end: False where
        another gateway's has it. What is read after that is up to date."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """One statement, in SQL that SQLite and Postgres both speak.

        Each parameter is a `?`. A column named by a keyword is quoted
        ("user"), an upsert is ON CONFLICT, a truth is an INTEGER compared with
        0 or 1, and NULL is replaced by coalesce.
        """
