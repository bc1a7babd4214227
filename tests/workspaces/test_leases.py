"""What a lease opens: one workspace, for one epoch, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catnap.access import Grant
from catnap.access.leases import Lease
from catnap.gateway import callback, routes
from catnap.gateway.workspaces import LEASED
from catnap.snapshots import manifest
from catnap.snapshots.manifest import EMPTY, Chunk, File, Folder, Link, Manifest, Pack
from catnap.snapshots.packing import LARGEST, PACK, Sealed, named, sealed
from catnap.workspaces import Held, Workspace
from catnap.workspaces.stock import SNAPSHOTS, Stock
from tests.gateway.world import World, running

DIGEST = bytes(32)
PACKED = sealed(b"some", 1)
MINE = Workspace("acme", "ada", "pad", "s1")
PLACE = "/callback/workspace"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "functions").mkdir()
    async with running(tmp_path) as world:
        yield world


async def taken(world: World, workspace: Workspace = MINE) -> Held:
    return await world.gateway.workspaces.claim(workspace)


def lease(world: World, held: Held) -> str:
    whose = held.workspace
    return world.gateway.leases.issue(
        Lease(
            tenant=whose.tenant,
            user=whose.user,
            skill=whose.skill,
            session=whose.session,
            epoch=held.epoch,
        )
    )


async def put(world: World, key: str, pack: Sealed) -> int:
    path = f"{PLACE}/objects/{pack.name}"
    return (await world.request("PUT", path, pack.content, key=key)).status


async def test_a_workspace_is_written_and_read_back(world: World) -> None:
    held = await taken(world)
    key, pack = lease(world, held), sealed(b"content", held.epoch)
    assert await put(world, key, pack) == 204
    answer = await world.request("GET", f"{PLACE}/objects/{pack.name}", key=key)
    assert (answer.status, answer.body) == (200, pack.content)
    whole = manifest.encode(Manifest(packs=(Pack(pack.name, 7),)))
    for _ in range(2):  # its answer may be lost
        head = sealed(whole, held.epoch).content
        answer = await world.request("POST", f"{PLACE}/head?after=0&rest=1", head, key=key)
        assert (answer.status, answer.json) == (200, {"head": 1})
    assert len(await world.gateway.workspaces.history(MINE)) == 1


async def test_nothing_but_a_lease_opens_what_is_a_leases(world: World) -> None:
    grant = world.gateway.grants.issue(
        Grant(tenant="acme", user="ada", task="t", expires=4e9, roles=("admin",))
    )
    with world.gateway.pipeline.live.call("t"):
        for route in LEASED:
            path = route.path.replace("{name}", "1-" + "a" * 40)
            for key in ("", world.key, grant, "cw1.a.b"):
                assert (await world.request(route.method, path, key=key)).status == 401


async def test_a_lease_opens_nothing_else(world: World) -> None:
    key = lease(world, await taken(world))
    for route in (*routes.ROUTES, *callback.ROUTES):
        path = route.path.replace("{", "").replace("}", "").replace("...", "")
        if route.action != "public" and route.proof is None:
            assert (await world.request(route.method, path, key=key)).status == 401, path


async def test_a_lease_is_over_with_its_epoch(world: World) -> None:
    first = await taken(world)
    key, pack = lease(world, first), sealed(b"content", first.epoch)
    second = await taken(world)
    for route in LEASED:
        path = route.path.replace("{name}", pack.name)
        assert (await world.request(route.method, path, pack.content, key=key)).status == 409
    assert await put(world, lease(world, second), sealed(b"content", second.epoch)) == 204


async def test_no_other_workspace_is_read_or_written_with_it(world: World) -> None:
    theirs = await taken(world, Workspace("acme", "ben", "pad", "s1"))
    pack = sealed(b"theirs", theirs.epoch)
    assert await put(world, lease(world, theirs), pack) == 204
    key = lease(world, await taken(world))
    answer = await world.request("GET", f"{PLACE}/objects/{pack.name}", key=key)
    assert answer.status == 503  # there is no such object
    assert await put(world, key, pack) == 400  # it is named by another's epoch


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "a%2Fb", "x", "1-" + "a" * 39, f"1-{'a' * 40}%0a", f"%d9%a3-{'a' * 40}"],
)
async def test_no_name_leads_out_of_the_workspace(world: World, name: str) -> None:
    key = lease(world, await taken(world))
    path = f"{PLACE}/objects/{name}"
    for method in ("GET", "PUT"):
        assert (await world.request(method, path, key=key)).status == 404


async def test_an_object_is_what_its_name_says_and_no_larger_than_a_pack(world: World) -> None:
    held = await taken(world)
    key, pack = lease(world, held), sealed(b"one", held.epoch)
    assert await put(world, key, Sealed(pack.name, b"other")) == 400
    assert await put(world, key, named(bytes(LARGEST + 1), held.epoch)) == 413


@pytest.mark.parametrize(
    "whole",
    [
        Manifest(packs=(Pack("../../x", 1),)),
        Manifest(packs=(Pack("1-x y", 1),)),
        Manifest(packs=(Pack(PACKED.name, PACK + 1),)),
        Manifest(packs=(Pack(PACKED.name, 1 << 63),)),
        *(
            Manifest(files=(File(b"a", 0o600, 0, 4, chunks),), packs=(Pack(PACKED.name, 4),))
            for chunks in (
                (Chunk(DIGEST, 1, 0, 1, 0),),  # of no pack
                (Chunk(DIGEST, -1, 0, 1, 0),),
                (Chunk(b"", 0, 0, 1, 0),),
                (Chunk(DIGEST, 0, 3, 2, 0),),  # beyond its pack
                (Chunk(DIGEST, 0, 0, 2, 3),),  # beyond its file
                (Chunk(DIGEST, 0, 0, 2, 0), Chunk(DIGEST, 0, 0, 2, 1)),  # over each other
                (Chunk(DIGEST, 0, 0, 2, -1),),
            )
        ),
        *(
            Manifest(files=(File(path, 0o600, 0, 0),))
            for path in (b"../a", b"/etc/a", b"a/../../b", b"a//b", b".", b"", b"a\0b")
        ),
        Manifest(folders=(Folder(b"..", 0o700),)),
        Manifest(links=(Link(b"../a", b"a"),)),
        Manifest(links=(Link(b"a", b""),)),
        Manifest(files=(File(b"a", 0o10000, 0, 0),)),
        Manifest(files=(File(b"a", 0o600, 1 << 63, 0),)),
        Manifest(files=(File(b"a", 0o600, 0, -1),)),
    ],
)
async def test_a_manifest_that_names_what_there_cannot_be_is_refused(
    world: World, whole: Manifest
) -> None:
    held = await taken(world)
    packed = sealed(manifest.encode(whole), held.epoch)
    answer = await world.request(
        "POST", f"{PLACE}/head?after=0", packed.content, key=lease(world, held)
    )
    assert answer.status == 400
    assert (await world.gateway.workspaces.get(MINE)).head is None


@pytest.mark.parametrize("junk", [b"", b"no frame", sealed(b"no manifest", 1).content])
async def test_what_is_no_manifest_at_all_is_refused(world: World, junk: bytes) -> None:
    key = lease(world, await taken(world))
    assert (await world.request("POST", f"{PLACE}/head?after=0", junk, key=key)).status == 400


async def test_more_than_a_store_should_note_is_refused(world: World) -> None:
    held = await taken(world)
    files = tuple(File(name, 0o600, 0, manifest.LONGEST) for name in (b"a", b"b"))
    packs = tuple(Pack(f"1-{number:040x}", 1) for number in range(100_001))
    for whole in (Manifest(files=files), Manifest(packs=packs)):
        packed = sealed(manifest.encode(whole), held.epoch)
        path, key = f"{PLACE}/head?after=0", lease(world, held)
        assert (await world.request("POST", path, packed.content, key=key)).status == 429


async def test_the_head_moves_from_where_its_holder_knows_it(world: World) -> None:
    held = await taken(world)
    packed = sealed(manifest.encode(EMPTY), held.epoch)
    path = f"{PLACE}/head?after=3"
    assert (await world.request("POST", path, packed.content, key=lease(world, held))).status == 409


async def test_what_is_stored_and_never_named_has_a_bound(world: World) -> None:
    workspaces = world.gateway.workspaces
    workspaces.stock = Stock(1_000, workspaces.size)
    held, refused = await taken(world), 0
    for number in range(40):
        key = lease(world, held)
        status = await put(world, key, named(number.to_bytes(1, "big") * 900, held.epoch))
        assert status in (204, 429)
        refused += status == 429
        held = await taken(world)  # under a new epoch each time
    assert refused
    assert await workspaces.size(MINE) <= (SNAPSHOTS + 2) * 1_000


async def test_two_who_reach_the_bound_at_once_are_told_the_same() -> None:
    both = asyncio.Barrier(2)

    async def stored(_: Workspace) -> int:
        await both.wait()
        return 0

    stock = Stock(1, stored)
    await asyncio.gather(stock.add(MINE, 2), stock.add(MINE, 2))


async def claimed(world: World, body: bytes, *, workspace: bool = True) -> int:
    grant = Grant(
        tenant="acme",
        user="ada",
        session="s1",
        task="t",
        skill="pad",
        expires=4e9,
        workspace=workspace,
    )
    with world.gateway.pipeline.live.call("t"):
        key = world.gateway.grants.issue(grant)
        return (await world.request("POST", PLACE, body, key=key)).status


async def test_a_skill_claims_no_workspace_where_the_platform_keeps_it(world: World) -> None:
    assert await claimed(world, b'{"instance": "mine"}') == 403


async def test_a_skill_without_workspaces_claims_none(world: World) -> None:
    world.gateway.keeper = None
    assert await claimed(world, b'{"instance": "mine"}', workspace=False) == 403
    assert await claimed(world, b'{"instance": "mine"}') == 200


@pytest.mark.parametrize("epoch", [-1, 1 << 63, 10**30])
async def test_an_epoch_that_there_cannot_be_is_refused(world: World, epoch: int) -> None:
    world.gateway.keeper = None
    assert await claimed(world, b'{"instance": "mine", "epoch": %d}' % epoch) == 400
