"""When each deployment of models was last asked, as the gateways of one store know it."""

from __future__ import annotations

from catnap.store import Component, Database, Store

WAKES = Component(
    "model_wakes",
    (
        """
        CREATE TABLE model_wakes (
            deployment TEXT PRIMARY KEY, asked REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
)


class StoredUses:
    """See catnap.models.waking.Uses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, deployment: str, now: float) -> None:
        def work(db: Database) -> None:
            db.execute(
                "INSERT INTO model_wakes (deployment, asked) VALUES (?, ?) "
                "ON CONFLICT (deployment) DO UPDATE SET asked = excluded.asked "
                "WHERE model_wakes.asked < excluded.asked",
                (deployment, now),
            )

        await self._store.run(work)

    async def last(self, deployment: str) -> float | None:
        def work(db: Database) -> float | None:
            found = db.execute(
                "SELECT asked FROM model_wakes WHERE deployment = ?", (deployment,)
            ).fetchone()
            return float(found["asked"]) if found else None

        return await self._store.run(work)
