"""The secrets of skills: set by an administrator, read by instances alone."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from catnap.access import secret_rows as rows
from catnap.access.sealing import Keeper, Seal, secrets_key
from catnap.access.secret_rows import Kept
from catnap.errors import InvalidRequest, NotFound
from catnap.store import Store

MAX_BYTES = 32 * 1024


class Secrets:
    """home, keeper: where the key is that they are encrypted with."""

    def __init__(
        self,
        store: Store,
        home: Path,
        clock: Callable[[], float] = time.time,
        keeper: Keeper = "file",
    ) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._keeper = keeper

    async def start(self) -> None:
        """Has a keyring unlocked while somebody is there to do it. Raises
        InvalidRequest where there is none. A file's key is not needed before
        there is a secret: most platforms never have one."""
        if self._keeper == "keyring":
            if self._store.shared:
                raise InvalidRequest(
                    "CATNAP_SECRETS_KEY: gateways that share a store share the key of its secrets, "
                    "and no keyring is on all of their machines: set it to file"
                )
            self._seal = await asyncio.to_thread(self._sealed)

    @cached_property
    def _seal(self) -> Seal:
        return self._sealed()

    def _sealed(self) -> Seal:
        return Seal(secrets_key(self._home, self._keeper), os.urandom)

    async def set(self, tenant: str, skill: str, name: str, value: bytes, author: str) -> None:
        """What starts from now on has it. Raises InvalidRequest for what is no
        text of 1 to 32,768 bytes."""
        check_value(value)
        sealed = self._seal.close((tenant, skill, name), value)
        kept = Kept(skill, name, self._clock(), author)
        await self._store.run(lambda db: rows.put(db, tenant, kept, sealed))

    async def remove(self, tenant: str, skill: str, name: str) -> None:
        """Raises NotFound where there is none."""
        if not await self._store.run(lambda db: rows.remove(db, tenant, skill, name)):
            raise NotFound(f"skill {skill!r} has no secret {name!r} that is set")

    async def list(self, tenant: str) -> list[Kept]:
        return await self._store.run(lambda db: rows.listed(db, tenant))

    async def of(self, tenant: str, skill: str, names: Sequence[str]) -> dict[str, str]:
        """Those of these that are set, by name. Raises Unavailable for one that
        cannot be opened."""
        found = await self._store.run(lambda db: rows.sealed_of(db, tenant, skill, names))
        return {
            name: self._seal.open((tenant, skill, name), sealed).decode()
            for name, sealed in found.items()
        }


def check_value(value: bytes) -> None:
    """Raises InvalidRequest."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if not 0 < len(value) <= MAX_BYTES or not text or "\0" in text:
        raise InvalidRequest(f"a secret is text in UTF-8, of 1 to {MAX_BYTES:,} bytes")
