"""What a scope may hold, and when its files go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from catnap.errors import NotFound, ResourceExhausted
from catnap.events import Event
from catnap.files import TABLES, Files, Links, MemoryStore, Room, Scope, Sharing, Sweeper
from catnap.files.store import Parts, Written
from catnap.store import Store

ADA, SESSION = Scope("acme", "ada"), Scope("acme", "ada", session="s")
TASK = Scope("acme", "ada", task="t")
DAY = 86400.0


class World:
    """Files on a clock of their own, as any number of gateways see them."""

    def __init__(self, store: Store, other: Store) -> None:
        self.store = store
        self.other = other
        """As a second gateway has it."""
        self.time = 1_000_000_000.0
        self.told: list[str] = []
        self.objects = MemoryStore(lambda: datetime.fromtimestamp(self.time, UTC))

    def now(self) -> float:
        return self.time

    def room(self, most: int, store: Store | None = None) -> Room:
        return Room(store or self.store, self.objects, most, self.now)

    def gateway(self, most: int = 0, store: Store | None = None) -> Files:
        return Files(self.objects, self._tell, room=self.room(most, store))

    def sweeper(self, files: Files, store: Store | None = None) -> Sweeper:
        keep = {"session": 90 * DAY, "task": 30 * DAY}
        return Sweeper(files, store or self.store, keep, self.now)

    async def _tell(self, event: Event, scope: Scope) -> None:
        self.told.append(f"{event.type.rpartition('.')[2]} {event.subject}")

    async def held(self, scope: Scope) -> int:
        return sum(stat.size for stat in await self.objects.list(scope.prefix))


@pytest.fixture
def world(lasting: str) -> Iterator[World]:
    stores = [Store(lasting, [TABLES]) for _ in range(2)]
    yield World(*stores)
    for store in stores:
        store.close()


async def content(size: int, parts: int = 1) -> AsyncIterator[bytes]:
    for _ in range(parts):
        await asyncio.sleep(0)
        yield b"x" * (size // parts)


async def put(files: Files, key: str, size: int, scope: Scope = ADA, parts: int = 1) -> bool:
    """Whether there was room for it."""
    with suppress(ResourceExhausted):
        await files.put(scope, key, content(size, parts))
        return True
    return False


async def test_writers_at_once_are_within_the_bound_together(world: World) -> None:
    gateways = [world.gateway(10_000), world.gateway(10_000, world.other)]
    wrote = await asyncio.gather(
        *(put(gateways[number % 2], f"{number}", 1000) for number in range(40))
    )
    assert sum(wrote) == 10
    assert await world.held(ADA) == 10_000
    assert await put(gateways[0], "elsewhere", 10_000, SESSION)
    with pytest.raises(ResourceExhausted, match=r"10,000 bytes together, and 1 more"):
        await gateways[1].put(ADA, "more", content(1))


async def test_bodies_that_come_bit_by_bit_are_within_the_bound_too(world: World) -> None:
    gateways = [world.gateway(10_000), world.gateway(10_000, world.other)]
    wrote = await asyncio.gather(
        *(put(gateways[number % 2], f"{number}", 1000, parts=4) for number in range(40))
    )
    assert await world.held(ADA) == 1000 * sum(wrote) <= 10_000
    await world.other.run(lambda db: None)
    # What was refused half way keeps no room.
    assert await put(gateways[0], "rest", 10_000 - 1000 * sum(wrote))


async def test_writing_over_a_file_at_once_frees_its_room_but_once(world: World) -> None:
    files = world.gateway(1000)
    await put(files, "a", 1000)
    await asyncio.gather(*(put(files, "a", 1) for _ in range(20)))
    assert await put(files, "b", 999)
    assert not await put(files, "c", 1)
    assert await put(files, "b", 998)
    assert await put(files, "c", 1)


async def test_what_fails_or_goes_gives_its_room_back(world: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 900
        raise ConnectionResetError

    files = world.gateway(1000)
    with pytest.raises(ConnectionResetError):
        await files.put(ADA, "a", broken())
    assert not await put(files, "a", 1001)
    assert await put(files, "a", 1000)
    await files.delete(ADA, "a")
    assert await put(files, "b", 1000)


async def test_copies_and_moves_take_room(world: World) -> None:
    files = world.gateway(1000)
    await put(files, "a", 600)
    with pytest.raises(ResourceExhausted):
        await files.copy(ADA, "a", ADA, "b")
    await files.move(ADA, "a", SESSION, "a")
    assert await put(files, "b", 1000)
    with pytest.raises(ResourceExhausted):
        await files.copy(ADA, "b", SESSION, "b")


async def test_what_was_there_before_anybody_counted_counts(world: World) -> None:
    await put(world.gateway(), "a", 700)
    files = world.gateway(1000)
    assert not await put(files, "b", 301)
    assert await put(files, "a", 900)
    assert not await put(files, "b", 101)
    await put(world.gateway(), "b", 500)
    assert not await put(world.gateway(2000), "c", 601), "what came unbounded counts again"


class Direct(MemoryStore):
    """Takes what is sent by links; here all of it comes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: set[str] = set()

    async def begin_parts(self, key: str, *_: object, **__: object) -> Parts:
        its_id = f"{len(self.begun)} {key}"
        self.begun.add(its_id)
        return Parts(its_id, ("https://store.example/upload",))

    async def end_parts(self, key: str, its_id: str, size: int) -> Written:
        if its_id not in self.begun:
            raise NotFound(key)
        self.begun.remove(its_id)
        return await self.put(key, content(size), content_type="text/csv")

    async def drop_parts(self, before: datetime) -> int:
        dropped = len(self.begun)
        self.begun.clear()
        return dropped


async def test_room_is_kept_for_an_upload_by_link_until_the_link_ends(world: World) -> None:
    room = world.room(1000)
    files = Files(world.objects, world._tell, room=room)
    sharing = Sharing(files, Direct(), Links(b"k" * 32), world.now, room)
    await sharing.upload(ADA, "a", 800, "", 60, ())
    assert not await put(files, "b", 300)
    with pytest.raises(ResourceExhausted):
        await sharing.upload(ADA, "c", 300, "", 60, ())
    world.time += 61
    assert await put(files, "b", 300)


async def test_an_upload_is_given_its_place_once(world: World) -> None:
    room = world.room(1000)
    files = Files(Direct(), world._tell, room=room)
    begun = await files._store.begin_parts(ADA.prefix + "a", [5], 60, content_type="text/csv")
    written = await files.bring(ADA, "a", begun.id, 5)
    assert (written.stat.key, written.stat.content_type) == ("a", "text/csv")
    with pytest.raises(NotFound, match="send it first"):
        await files.bring(ADA, "a", begun.id, 5)
    assert not await put(files, "b", 996)
    assert world.told == ["created a"]


async def test_sessions_and_tasks_expire_and_a_user_s_files_stay(world: World) -> None:
    files = world.gateway()
    for scope in (ADA, SESSION, TASK):
        await put(files, "a", 1, scope)
        await put(files, "b/c", 1, scope)
    sweeper = world.sweeper(files)
    assert await sweeper.sweep() == 0
    world.time += 31 * DAY
    world.told.clear()
    assert await sweeper.sweep() == 2
    assert world.told == ["deleted a", "deleted b/c"]
    assert await world.held(TASK) == 0
    await put(files, "a", 1, SESSION)
    world.time += 60 * DAY
    assert await sweeper.sweep() == 0, "it was written to since"
    world.time += 31 * DAY
    assert await sweeper.sweep() == 2
    assert await world.held(ADA) == 2


async def test_two_gateways_clear_each_scope_away_once(world: World) -> None:
    files = world.gateway()
    for number in range(30):
        await put(files, "a", 1, Scope("acme", "ada", task=f"{number}"))
    await world.store.run(lambda db: None)  # what was left for later is there for others
    world.time += 31 * DAY
    world.told.clear()
    sweepers = [world.sweeper(files), world.sweeper(files, world.other)]
    removed = await asyncio.gather(*(each.sweep() for each in sweepers))
    assert sum(removed) == 30
    assert world.told == ["deleted a"] * 30


async def test_what_is_written_while_its_scope_is_cleared_away_stays(world: World) -> None:
    files = world.gateway()
    await put(files, "a", 1, TASK)
    await put(files, "b", 1, TASK)
    world.time += 31 * DAY

    class Late(Files):
        async def delete(self, scope: Scope, key: str, *, if_match: str = "") -> None:
            await files.put(scope, key, content(2))
            await super().delete(scope, key, if_match=if_match)

    late = Late(world.objects, world._tell, room=world.room(0))
    assert await world.sweeper(late).sweep() == 0
    assert await world.held(TASK) == 4
    world.time += 31 * DAY
    assert await world.sweeper(files).sweep() == 2


async def test_an_upload_that_nobody_finished_goes_without_a_word(world: World) -> None:
    store = Direct()
    files = Files(store, world._tell)
    await store.begin_parts(ADA.prefix + "a")
    assert await world.sweeper(files).sweep() == 1
    assert (store.begun, world.told) == (set(), [])
