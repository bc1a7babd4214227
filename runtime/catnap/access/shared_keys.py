"""The keys that gateways of one store must have in common: what one of them
signed or sealed there, the others check and open."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from catnap.access import keyfile
from catnap.errors import InvalidRequest
from catnap.store import Component, Database, Store

FILES = ("grant.key", "secrets.key")
TABLES = Component(
    "keys in common",
    (
        """
        CREATE TABLE fingerprints (
            file TEXT PRIMARY KEY, fingerprint TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
)


async def check(store: Store, home: Path) -> None:
    """Makes the keys of a state folder the store's where it knows none.

    Raises InvalidRequest where it knows another, and naming the file where
    others can read it.
    """
    for name in FILES:
        key = keyfile.kept(home / name, keyfile.random_text)
        # Of 256 random bits: nobody gets back from it.
        ours = sha256(b"catnap fingerprint\0" + key.encode()).hexdigest()

        def known(db: Database, name: str = name, ours: str = ours) -> str:
            row = db.execute(
                "INSERT INTO fingerprints (file, fingerprint) VALUES (?, ?) "
                "ON CONFLICT (file) DO UPDATE SET file = excluded.file RETURNING fingerprint",
                (name, ours),
            ).fetchone()
            return str(row["fingerprint"])

        if await store.run(known) != ours:
            raise InvalidRequest(
                f"{home / name}: the store was written with another key: copy "
                f"{' and '.join(FILES)} from the CATNAP_HOME of a gateway that uses it. Where that "
                "is lost, delete the row of the table fingerprints: the audit is then broken "
                "there, and secrets have to be set again"
            )
