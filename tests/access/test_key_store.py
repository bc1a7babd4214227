"""Keys that are made, rotated and revoked, in a store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catnap.access import Credentials, Key, KeyRing, Principal, key_rows
from catnap.access.key_rows import KEPT, KEYS, MAX_LIVE, Issued
from catnap.access.key_store import FOLLOW, MAX_OVERLAP, KeyStore, Wanted
from catnap.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from catnap.store import Database, Store

FIXED = "fixed-key-0123456789"
ADMIN = Principal("default", None, frozenset({"admin"}), "key admin")


@dataclass
class Replica:
    """One gateway's keys. `now` is the time there."""

    store: Store
    now: float = 1_800_000_000.0
    ring: KeyRing = field(
        default_factory=lambda: KeyRing([Key.of(FIXED, name="fixed", roles=["caller"])])
    )

    def __post_init__(self) -> None:
        self.keys = KeyStore(self.store, self.ring, lambda: self.now)

    async def who(self, secret: str) -> Principal:
        return await Credentials(self.ring).authenticate(secret, self.now)

    async def make(self, name: str = "core", tenant: str = "acme", **wanted) -> tuple[Issued, str]:
        return await self.keys.create(ADMIN, tenant, Wanted(name=name, **wanted))

    async def states(self, tenant: str = "acme") -> list[tuple[str, str]]:
        return [(each.name, each.state(self.now)) for each in await self.keys.of(tenant)]


@pytest.fixture
def store(lasting: str) -> Iterator[Store]:
    store = Store(lasting, [KEYS])
    yield store
    store.close()


@pytest.fixture
def here(store: Store) -> Replica:
    return Replica(store)


async def test_a_key_that_was_made_says_who_calls(here: Replica) -> None:
    key, secret = await here.make(roles=("caller", "viewer:x-*"), user="ada")
    assert await here.who(secret) == Principal(
        "acme", "ada", frozenset({"caller", "viewer:x-*"}), "key core"
    )
    assert (key.creator, key.created, key.expires) == ("key admin", here.now, None)
    assert await here.keys.of("acme") == [key]
    assert await here.keys.of("rival") == []


async def test_a_key_outlasts_a_restart(lasting: str, store: Store) -> None:
    _, secret = await Replica(store).make()
    store.close()
    again = Store(lasting, [KEYS])
    try:
        after = Replica(again)
        with pytest.raises(Unauthenticated):
            await after.who(secret)
        await after.keys.start()
        assert (await after.who(secret)).tenant == "acme"
        await after.keys.stop()
    finally:
        again.close()


async def test_a_secret_is_nowhere_on_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "catnap.db", [KEYS])
    key, secret = await Replica(store).make()
    store.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.id.encode() in written
    assert secret.encode() not in written


async def test_a_key_is_good_until_it_expires(here: Replica) -> None:
    _, secret = await here.make(lifetime=60)
    here.now += 59
    await here.who(secret)
    here.now += 1
    with pytest.raises(Unauthenticated, match="not known"):
        await here.who(secret)
    assert await here.states() == [("core", "expired")]


async def test_a_revoked_key_opens_nothing_from_then_on(here: Replica) -> None:
    _, secret = await here.make()
    _, other = await here.make("other")
    [gone] = await here.keys.revoke(ADMIN, "acme", "core")
    assert gone.revoked == here.now
    with pytest.raises(Unauthenticated):
        await here.who(secret)
    await here.who(other)
    await here.who(FIXED)
    with pytest.raises(NotFound, match="'core'"):
        await here.keys.revoke(ADMIN, "acme", "core")
    assert sorted(await here.states()) == [("core", "revoked"), ("other", "live")]


async def test_a_rotated_key_is_good_beside_the_new_one_for_the_overlap(here: Replica) -> None:
    old, before = await here.make(roles=("developer",), user="ada", lifetime=1000)
    here.now += 100
    new, after = await here.keys.rotate(ADMIN, "acme", "core", overlap=50)
    assert (new.tenant, new.name, new.user, new.roles) == ("acme", "core", "ada", ("developer",))
    assert new.expires == here.now + 1000
    assert new.id != old.id
    assert await here.who(before) == await here.who(after)
    here.now += 50
    await here.who(after)
    with pytest.raises(Unauthenticated):
        await here.who(before)


async def test_an_overlap_makes_no_life_longer(here: Replica) -> None:
    _, secret = await here.make(lifetime=10)
    await here.keys.rotate(ADMIN, "acme", "core", overlap=60)
    here.now += 10
    with pytest.raises(Unauthenticated):
        await here.who(secret)


async def test_a_change_takes_up_no_key_that_it_does_not_touch(here: Replica) -> None:
    """However many there are: what is read of the store is what was changed."""
    _, other = await here.make("other")
    _, rotated = await here.make()
    await here.store.run(lambda db: db.execute("DELETE FROM keys WHERE name = 'other'"))
    _, after = await here.keys.rotate(ADMIN, "acme", "core", overlap=0)
    assert (await here.who(other)).name == "key other"
    await here.who(after)
    with pytest.raises(Unauthenticated):
        await here.who(rotated)


async def test_what_another_gateway_changes_meanwhile_is_taken_up_the_next_time(
    here: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = await here.make()
    changed = key_rows.changed

    def meanwhile(db: Database, since: int) -> list[tuple[str, Issued]]:
        found = changed(db, since)
        monkeypatch.undo()
        key_rows.revoke(db, "acme", "core", here.now)
        return found

    monkeypatch.setattr(key_rows, "changed", meanwhile)
    await here.make("one")
    await here.make("two")
    with pytest.raises(Unauthenticated):
        await here.who(secret)


async def test_an_old_generation_is_rotated_as_the_new_one_is(here: Replica) -> None:
    old, _ = await here.make()
    here.now += 1
    await here.keys.rotate(ADMIN, "acme", "core", overlap=60)
    new, _ = await here.keys.rotate(ADMIN, "acme", old.id, overlap=60)
    assert new.expires is None


async def test_of_two_generations_one_can_be_revoked_by_its_id(here: Replica) -> None:
    old, before = await here.make()
    _, after = await here.keys.rotate(ADMIN, "acme", old.id, overlap=60)
    await here.keys.revoke(ADMIN, "acme", old.id)
    await here.who(after)
    with pytest.raises(Unauthenticated):
        await here.who(before)
    _, third = await here.keys.rotate(ADMIN, "acme", "core", overlap=60)
    assert len(await here.keys.revoke(ADMIN, "acme", "core")) == 2
    for secret in (after, third):
        with pytest.raises(Unauthenticated):
            await here.who(secret)


async def test_all_that_a_user_gets_in_with_can_be_ended(here: Replica) -> None:
    _, one = await here.make("one", user="ada")
    _, two = await here.make("two", user="ada")
    _, others = await here.make("bob", user="bob")
    _, tenants = await here.make("core")
    _, rivals = await here.make("one", tenant="rival", user="ada")
    here.now += 10
    assert len(await here.keys.end_user(ADMIN, "acme", "ada")) == 2
    for secret in (one, two):
        with pytest.raises(Unauthenticated):
            await here.who(secret)
    for secret in (others, tenants, rivals):
        await here.who(secret)
    ada = Principal("acme", "ada", frozenset(), "token of ada")
    for made in (0, here.now - 1, here.now):
        with pytest.raises(Unauthenticated, match="'ada' were ended"):
            here.ring.check_made(ada, made)
    here.ring.check_made(ada, here.now + 1)
    for other in (("acme", "bob"), ("acme", None), ("rival", "ada")):
        here.ring.check_made(Principal(*other, frozenset(), "token"), 0)
    with pytest.raises(PermissionDenied):
        await here.keys.end_user(GIVER, "rival", "ada")


async def test_a_name_is_one_key_of_its_tenant_at_a_time(here: Replica) -> None:
    await here.make()
    with pytest.raises(Conflict, match=r"'core' already.*rotate"):
        await here.make()
    await here.make(tenant="rival")
    await here.keys.revoke(ADMIN, "acme", "core")
    await here.make()


async def test_another_tenants_key_is_not_found(here: Replica) -> None:
    key, _ = await here.make()
    for which in ("core", key.id):
        with pytest.raises(NotFound):
            await here.keys.revoke(ADMIN, "rival", which)
        with pytest.raises(NotFound):
            await here.keys.rotate(ADMIN, "rival", which, overlap=0)


GIVER = Principal("acme", None, frozenset({"tenant-admin"}), "key boss")


@pytest.mark.parametrize(
    ("giver", "tenant", "user", "role"),
    [
        (GIVER, "rival", None, "caller"),
        (GIVER, "acme", None, "admin"),
        (GIVER, "acme", None, "admin@acme"),
        (GIVER, "acme", None, "caller@*"),
        (GIVER, "acme", None, "finance@rival"),
        (Principal("acme", "ada", frozenset({"tenant-admin"}), "k"), "acme", None, "caller"),
        (Principal("acme", "ada", frozenset({"tenant-admin"}), "k"), "acme", "bob", "caller"),
        (Principal("acme", None, frozenset({"tenant-admin:x-*"}), "k"), "acme", None, "caller:x-1"),
        (Principal("acme", None, frozenset({"operator"}), "k"), "acme", None, "viewer"),
        (Principal("acme", None, frozenset({"admin@acme"}), "k"), "acme", None, "admin"),
    ],
)
async def test_nobody_gives_more_than_they_have(
    here: Replica, giver: Principal, tenant: str, user: str | None, role: str
) -> None:
    wanted = Wanted(name="more", roles=(role,), user=user)
    with pytest.raises(PermissionDenied):
        await here.keys.create(giver, tenant, wanted)
    assert await here.keys.of(tenant) == []


async def test_a_stronger_key_is_neither_rotated_nor_revoked_by_a_weaker(here: Replica) -> None:
    _, secret = await here.make("strong", roles=("admin",))
    with pytest.raises(PermissionDenied):
        await here.keys.rotate(GIVER, "acme", "strong", overlap=0)
    with pytest.raises(PermissionDenied):
        await here.keys.revoke(GIVER, "acme", "strong")
    await here.who(secret)
    assert await here.states() == [("strong", "live")]


async def test_a_tenant_admin_gives_what_its_tenant_has(here: Replica) -> None:
    for role in ("viewer", "caller:pay-*", "developer", "operator", "tenant-admin", "finance"):
        _, secret = await here.keys.create(GIVER, "acme", Wanted(name=role, roles=(role,)))
        assert (await here.who(secret)).roles == {role}


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        (Wanted(name=""), "key name"),
        (Wanted(name="key_1"), "key_"),
        (Wanted(name="n", roles=("Caller",)), "role"),
        (Wanted(name="n", user=""), "user"),
        (Wanted(name="n", lifetime=0), "lifetime"),
        (Wanted(name="n", lifetime=float("nan")), "lifetime"),
    ],
    ids=str,
)
async def test_a_key_that_cannot_be_is_not_made(here: Replica, wanted: Wanted, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        await here.keys.create(ADMIN, "acme", wanted)
    for which in ("", "a\0", "x" * 300):
        with pytest.raises(InvalidRequest, match="key"):
            await here.keys.revoke(ADMIN, "acme", which)
        with pytest.raises(InvalidRequest, match="key"):
            await here.keys.rotate(ADMIN, "acme", which, 0)
        with pytest.raises(InvalidRequest, match="user"):
            await here.keys.end_user(ADMIN, "acme", which)
    for overlap in (-1, MAX_OVERLAP + 1, float("nan")):
        with pytest.raises(InvalidRequest, match="overlap"):
            await here.keys.rotate(ADMIN, "acme", "n", overlap)


async def test_what_one_replica_revokes_another_learns(shared: str) -> None:
    stores = [Store(shared, [KEYS]), Store(shared, [KEYS])]
    here, other = map(Replica, stores)
    try:
        await other.keys.start(period=0)
        _, secret = await here.make()
        async with asyncio.timeout(5):
            while not await known(other, secret):
                await asyncio.sleep(0)
            await here.keys.revoke(ADMIN, "acme", "core")
            while await known(other, secret):
                await asyncio.sleep(0)
        await other.keys.stop()
    finally:
        for store in stores:
            store.close()


async def known(replica: Replica, secret: str) -> bool:
    try:
        await replica.who(secret)
    except Unauthenticated:
        return False
    return True


def test_another_replicas_revocation_is_seen_within_five_seconds() -> None:
    assert FOLLOW <= 5 / 2


async def test_a_store_that_is_gone_leaves_the_keys_that_are_known(
    shared: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = Replica(Store(shared, [KEYS]))
    await here.keys.start(period=0)
    _, secret = await here.make()
    here.store.close()
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0)
    await here.keys.stop()
    assert "out of date" in caplog.text
    await here.who(secret)


async def test_a_tenant_has_no_end_of_keys(here: Replica) -> None:
    columns = '(id, hash, name, tenant, "user", roles, creator, created, expires, revoked)'

    def fill(db) -> None:
        for n in range(MAX_LIVE):
            values = (f"i{n}", f"sha256:{n:064x}", f"n{n}", "acme", None, "[]", "", 0.0, None, None)
            db.execute(f"INSERT INTO keys {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    await here.store.run(fill)
    with pytest.raises(ResourceExhausted, match="1000 keys"):
        await here.make()
    await here.make(tenant="rival")
    assert len(here.ring.tenants) == 3


async def test_what_is_long_over_is_forgotten(here: Replica) -> None:
    await here.make("short", lifetime=1)
    await here.make("gone")
    await here.keys.revoke(ADMIN, "acme", "gone")
    await here.make("kept")
    here.now += KEPT + 2
    await here.make("new")
    assert sorted(await here.states()) == [("kept", "live"), ("new", "live")]
