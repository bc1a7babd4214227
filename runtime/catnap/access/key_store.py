"""Keys that are made, rotated and revoked while the platform runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from catnap.access import key_rows, keyfile
from catnap.access.key_giving import check_giving
from catnap.access.key_rows import Issued
from catnap.access.keys import PREFIX, Key, KeyRing, hash_of
from catnap.access.principal import Principal
from catnap.errors import CatnapError, InvalidRequest
from catnap.events.ids import check_id
from catnap.store import Database, Store

T = TypeVar("T")
ID_PREFIX = "key_"
FOLLOW = 2.0
"""Seconds after which another replica's change is seen here."""

MAX_LIFETIME = 100 * 365 * 86400.0
"""Seconds that a key with an end may live; other than that it has none."""

MAX_ROLES = 64
"""Of one key: each of its calls looks at all of them."""

MAX_OVERLAP = 30 * 86400.0
"""Seconds for which a key may be good beside the one that replaces it."""

_log = logging.getLogger(__name__)


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that somebody asks for. lifetime: seconds; None has no end."""

    name: str
    roles: tuple[str, ...] = ("caller",)
    user: str | None = None
    lifetime: float | None = None


class KeyStore:
    """Writes keys into the store, and those that are good into the ring."""

    def __init__(self, store: Store, ring: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._ring = ring
        self._clock = clock
        self._version = -1
        self._following: asyncio.Task[None] | None = None

    async def start(self, period: float = FOLLOW) -> None:
        """Takes up what the store holds and, where others write into it, what
        they change, `period` seconds later at most. While the store does not
        answer, the keys that are known go on."""
        await self._load()
        if self._store.shared:
            self._following = asyncio.create_task(self._follow(period))

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _load(self) -> None:
        await self._changed(lambda db: None)

    async def _follow(self, period: float) -> None:
        while True:
            await asyncio.sleep(period)
            try:
                if await self._store.run(key_rows.version) != self._version:
                    await self._load()
            except CatnapError as error:
                _log.warning("keys may be out of date: %s", error.message)

    async def of(self, tenant: str) -> list[Issued]:
        """The tenant's keys, newest first; also those that are good no more."""
        return await self._store.run(lambda db: key_rows.listed(db, tenant))

    async def create(self, giver: Principal, tenant: str, wanted: Wanted) -> tuple[Issued, str]:
        """The key, and its secret, which is not kept.

        Raises PermissionDenied for more than the giver has, Conflict for a
        name that is taken, ResourceExhausted, and InvalidRequest.
        """
        check_giving(giver, tenant, wanted.user, wanted.roles)
        if wanted.name.startswith(ID_PREFIX):
            raise InvalidRequest(f"key name {wanted.name!r}: only ids begin with {ID_PREFIX!r}")
        if wanted.lifetime is not None and not 1 <= wanted.lifetime <= MAX_LIFETIME:
            raise InvalidRequest("lifetime: must be from 1 second to 100 years")
        if len(wanted.roles) > MAX_ROLES:
            raise InvalidRequest(f"roles: {len(wanted.roles):,} of them, and {MAX_ROLES} are most")
        now = self._clock()
        secret, id_ = _new()
        record = Key.of(
            secret, name=wanted.name, roles=wanted.roles, tenant=tenant, user=wanted.user
        )
        key = Issued(
            id=id_,
            name=record.name,
            tenant=tenant,
            user=record.user,
            roles=record.roles,
            creator=giver.name,
            created=now,
            expires=None if wanted.lifetime is None else now + wanted.lifetime,
        )
        await self._changed(lambda db: key_rows.create(db, key, record.hash, now))
        return key, secret

    async def rotate(
        self, giver: Principal, tenant: str, which: str, overlap: float
    ) -> tuple[Issued, str]:
        """A new secret for the key of that name or id, and as long a life. The
        one before is good for `overlap` seconds more."""
        if not 0 <= overlap <= MAX_OVERLAP:
            raise InvalidRequest("overlap: must be from 0 seconds to 30 days")
        check_id("key", which)
        now = self._clock()
        secret, id_ = _new()

        def work(db: Database) -> Issued:
            old = key_rows.newest(db, tenant, which, now)
            check_giving(giver, tenant, old.user, old.roles)
            expires = None if old.expires is None else now + old.expires - old.created
            new = msgspec.structs.replace(
                old, id=id_, creator=giver.name, created=now, expires=expires
            )
            key_rows.rotate(db, new, hash_of(secret), now, overlap)
            return new

        return await self._changed(work), secret

    async def revoke(self, giver: Principal, tenant: str, which: str) -> list[Issued]:
        """Those of that name, or the one with that id; nobody gets in with one
        from now on. Raises NotFound."""
        check_id("key", which)
        now = self._clock()
        return await self._revoked(giver, lambda db: key_rows.revoke(db, tenant, which, now))

    async def end_user(self, giver: Principal, tenant: str, user: str) -> list[Issued]:
        """Every key of the user, and every token and certificate that was made
        for them until now, by whomever. Those made later are good."""
        check_giving(giver, tenant, check_id("user", user), ())
        now = self._clock()
        return await self._revoked(giver, lambda db: key_rows.end_user(db, tenant, user, now))

    async def _revoked(
        self, giver: Principal, revoke: Callable[[Database], list[Issued]]
    ) -> list[Issued]:
        def work(db: Database) -> list[Issued]:
            found = revoke(db)
            for each in found:  # inside, so that it is undone where the giver may not
                check_giving(giver, each.tenant, each.user, each.roles)
            return found

        return await self._changed(work)

    async def _changed(self, work: Callable[[Database], T]) -> T:
        """Does it, and takes up what was changed since the last time: by this,
        and by others."""
        now, since = self._clock(), self._version

        def all_of_it(db: Database) -> tuple[T, _News]:
            done = work(db)
            version = key_rows.version(db)  # first: what others change from here on has another
            keys = key_rows.live(db, now) if since < 0 else key_rows.changed(db, since)
            return done, _News(version, keys, key_rows.ended(db))

        done, news = await self._store.run(all_of_it)
        if news.version >= self._version:
            self._version = news.version
            gone = [hash_ for hash_, key in news.keys if key.state(now) != "live"]
            good = (
                (_key(hash_, key), key.expires)
                for hash_, key in news.keys
                if key.state(now) == "live"
            )
            self._ring.change(good, gone, news.ended)
        return done


class _News(NamedTuple):
    """What the store holds that is not known here yet."""

    version: int
    keys: list[tuple[str, Issued]]
    ended: dict[tuple[str, str], float]


def _key(hash_: str, key: Issued) -> Key:
    return Key(hash=hash_, tenant=key.tenant, user=key.user, roles=key.roles, name=key.name)


def _new() -> tuple[str, str]:
    """A secret and an id."""
    return PREFIX + keyfile.random_text(), ID_PREFIX + keyfile.random_text()[:12].lower()
