"""ctx.files beside what answers it: the fake that skills are tested with, and a
gateway over a folder and over a bucket, promise the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from catnap.errors import Conflict, InvalidRequest, NotFound, from_problem
from catnap.http import Reply
from catnap.skills.files import Files
from catnap.skills.gateway import Headers
from catnap.skills.testing import FakeGateway
from tests.gateway.local import ACME
from tests.gateway.stores import STORES, stored
from tests.gateway.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Through:
    """A gateway's files without a skill at work: the routes for who has a key
    answer as those for a Grant do."""

    proxy = ""

    def __init__(self, world: World) -> None:
        self._world = world

    async def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Reply:
        reply = await self._world.client.request(
            self._world.where,
            method,
            path.removeprefix("/callback"),
            [(b"authorization", b"Bearer " + ACME.encode()), *headers],
            body,
        )
        if reply.status >= 400:
            raise from_problem(reply.status, await reply.read())
        return reply


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", *STORES])
async def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Files]:
    if request.param == "fake":
        yield FakeGateway().files
        return
    async with stored(request.param, tmp_path_factory.mktemp("files")) as found:
        yield Files(Through(found))


async def test_a_file_is_a_path(files: Files) -> None:
    path = files / "notes" / "monday.tar.gz"
    assert (str(path), path.name, path.stem, path.suffix) == (
        *("notes/monday.tar.gz", "monday.tar.gz", "monday.tar", ".gz"),
    )
    assert path.parent.key == "notes"
    assert not await path.exists()
    with pytest.raises(NotFound):
        await path.stat()
    written = await path.write_text("mön")
    assert await path.read_text() == "mön"
    assert await path.read_bytes() == "mön".encode()
    assert (await path.stat()).etag == written.etag
    await path.unlink()
    with pytest.raises(NotFound):
        await path.unlink()
    await path.unlink(missing_ok=True)


async def test_parts_of_a_file_are_read(files: Files) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"0123456789" * 10_000

    path = files / "big"
    await path.write_bytes(parts())
    assert await path.read_bytes(99_995, 10) == b"5678901234"
    assert await path.read_bytes(-3) == b"789"
    got = [part async for part in path.stream(299_990)]
    assert b"".join(got) == b"0123456789"
    with pytest.raises(InvalidRequest):
        await path.read_bytes(300_000)
    for wrong in ((0, 0), (-1, 1)):
        with pytest.raises(InvalidRequest):
            await path.read_bytes(*wrong)


async def test_paths_are_copied_and_moved(files: Files) -> None:
    source = files / "a.csv"
    await source.write_text("x", content_type="text/csv")
    copy = await source.copy(files / "b" / "copy")
    assert (await copy.stat()).content_type == "text/csv"
    moved = await source.rename(files / "c")
    assert await moved.read_text() == "x"
    assert not await source.exists()
    with pytest.raises(NotFound):
        await source.copy(copy)
    with pytest.raises(Conflict):
        await files.copy("c", "b/copy", if_none_match="*")


async def test_what_lies_below_a_path_is_found(files: Files) -> None:
    for key in ("d/a.txt", "d/b/1.txt", "d/b/2.md", "d/c.md", "e/f.txt"):
        await (files / key).write_bytes(b"")
    assert [str(path) async for path in (files / "d").iterdir()] == ["d/a.txt", "d/b", "d/c.md"]
    assert [str(path) async for path in (files / "d").glob("*.txt")] == ["d/a.txt", "d/b/1.txt"]
    assert [file.key async for file in files.walk("d/b/")] == ["d/b/1.txt", "d/b/2.md"]


async def test_links_are_made(files: Files) -> None:
    await (files / "a").write_bytes(b"x")
    assert (await (files / "a").link()).method == "GET"
    assert (await files.upload_link("b", 5)).method == "PUT"
