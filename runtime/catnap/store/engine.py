"""What the store needs of a database, and which one a place stands for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

from catnap.errors import InvalidRequest
from catnap.store.database import Database
from catnap.store.migrations import Component
from catnap.store.sqlite import SQLite


class Engine(Protocol):
    """One connection, used by one thread at a time. Its methods raise `Error`."""

    @property
    def db(self) -> Database: ...

    @property
    def Error(self) -> type[Exception]:  # noqa: N802 - as a driver's module has it
        """What its driver's errors all are."""

    @property
    def batch(self) -> int:
        """How many works a transaction may hold."""

    @property
    def shared(self) -> bool:
        """Whether other gateways may use the same database."""

    @property
    def lost(self) -> bool:
        """Whether the connection is gone; `begin` makes another."""

    def migrate(self, components: Sequence[Component]) -> None:
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

    def is_clash(self, error: Exception) -> bool:
        """Whether another writer was in the way: the whole transaction has to
        be done again."""

    def close(self) -> None: ...


def engine_at(place: Path | str) -> Engine:
    """Raises InvalidRequest where there is no such store, Unavailable where it
    does not answer."""
    if is_uri(place):
        engine: Engine = _postgres().Postgres(str(place))
        return engine
    return SQLite(place)


def check_uri(place: str) -> None:
    """Raises InvalidRequest where that cannot be opened here."""
    _postgres().parse(place)


def is_uri(place: Path | str) -> bool:
    """Whether it stands for a database that others may share."""
    return str(place).startswith(("postgresql://", "postgres://"))


def _postgres() -> ModuleType:
    try:
        # Here, so that only those who have a Postgres need its driver.
        from catnap.store import postgres
    except ImportError as error:
        raise InvalidRequest(
            f"a store in Postgres needs its driver ({error}): "
            "pip install 'catnap-functions[postgres]'"
        ) from None
    return postgres
