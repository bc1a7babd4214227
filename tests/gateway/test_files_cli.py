"""`catnap files cp`, `mv`, `link` and `put --direct`, beside a gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from catnap.cli import direct
from tests.gateway.local import ACME
from tests.gateway.stores import STORES, Stored, stored
from tests.gateway.world import command

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stored]:
    async with stored(request.param, tmp_path_factory.mktemp("files")) as found:
        yield found


async def cli(files: Stored, *argv: str) -> tuple[int, str, str]:
    http = () if argv[0] in ("cp", "mv", "list") else ("--http", str(files.where))
    grpc = () if argv[0] == "link" else ("--grpc", files.grpc)
    return await command("files", *argv, *http, *grpc, "--token", ACME)


async def keys(files: Stored, *scope: str) -> list[str]:
    _, out, _ = await cli(files, "list", "--json", *scope)
    return [each["key"] for each in json.loads(out)]


async def test_a_file_is_copied_and_moved_between_scopes(files: Stored) -> None:
    ada = ("--user", "ada")
    await files.request("PUT", "/files/user/notes/a.txt", b"one", catnap_user="ada")
    done = await cli(files, "cp", "notes/a.txt", "b.txt", *ada)
    assert done == (0, "copied b.txt, 3 B\n", "")
    await cli(files, "cp", "b.txt", "./", "--from", "user", "--session", "s", *ada)
    assert await keys(files, "--session", "s", *ada) == ["b.txt"]
    status, out, _ = await cli(files, "mv", "b.txt", "kept/", "--session", "s", "--json", *ada)
    assert (status, [each["key"] for each in json.loads(out)]) == (0, ["kept/b.txt"])
    done = await cli(files, "mv", "kept/b.txt", "c.txt", "--from", "session:s", *ada)
    assert done == (0, "moved c.txt, 3 B\n", "")
    assert await keys(files, "--session", "s", *ada) == []
    assert await keys(files, *ada) == ["b.txt", "c.txt", "notes/a.txt"]


async def test_a_folder_is_copied_with_everything_below_it(files: Stored) -> None:
    bob = ("--user", "bob")
    for key in ("in/1", "in/deep/2"):
        await files.request("PUT", f"/files/user/{key}", b"x", catnap_user="bob")
    assert await cli(files, "cp", "in/", "out", *bob) == (0, "copied 2 files, 2 B\n", "")
    assert (await cli(files, "mv", "out/", ".", *bob))[0] == 0
    assert await keys(files, *bob) == ["1", "deep/2", "in/1", "in/deep/2"]
    status, _, err = await cli(files, "cp", "none/", "out", *bob)
    assert (status, "no file below 'none/'" in err) == (4, True)


async def test_what_is_there_is_overwritten_only_by_force(files: Stored) -> None:
    eve = ("--user", "eve")
    for key in ("a", "b"):
        await files.request("PUT", f"/files/user/{key}", key.encode(), catnap_user="eve")
    status, _, err = await cli(files, "cp", "a", "b", *eve)
    assert (status, "b exists already: give --force" in err) == (5, True), err
    assert (await cli(files, "cp", "a", "b", "--force", *eve))[0] == 0
    assert (await files.request("GET", "/files/user/b", catnap_user="eve")).body == b"a"


async def test_what_makes_no_sense_is_said(files: Stored) -> None:
    for argv, status, said in (
        (("cp", "none", "x"), 4, "has no file 'none'"),
        (("cp", "a", "x", "--from", "session"), 2, "write user, session:ID or task:ID"),
        (("cp", "a", "x", "--session", "s", "--task", "t"), 2, "--session or --task"),
        (("link", "none"), 4, "has no file 'none'"),
        (("link", "a", "--part-size", "5"), 2, "--part-size is about --write"),
        (("link", "a", "--for", "2h"), 2, "from 1 to 3,600 seconds"),
        (("link", "a", "--write", "9", "--part-size", "5"), 2, "or more each"),
    ):
        found, _, err = await cli(files, *argv)
        assert (found, said in err) == (status, True), err


async def test_a_link_is_one_that_anybody_may_follow(files: Stored) -> None:
    await files.request("PUT", "/files/user/shown.txt", b"for you", catnap_user="ada")
    status, url, _ = await cli(files, "link", "shown.txt", "--user", "ada", "--for", "1m")
    assert (status, url.startswith("http://")) == (0, True)
    shared = {"method": "GET", "url": url.strip(), "headers": {}}
    assert (await files.follow(shared)).body == b"for you"


async def test_a_link_to_write_by_is_shown_as_the_commands_that_do(
    files: Stored, tmp_path: Path
) -> None:
    content = b"0" * (5 << 20) + b"end"
    (tmp_path / "FILE").write_bytes(content)
    parts = ("--part-size", str(5 << 20))
    for key, size, more in (("one", len(content), ()), ("two", len(content), parts)):
        asked = ("link", key, "--user", "curl", "--write", str(size), *more)
        status, shown, _ = await cli(files, *asked)
        assert status == 0
        shell = await asyncio.create_subprocess_shell(
            f"set -e\n{shown}", cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL
        )
        assert await shell.wait() == 0, shown
        got = await files.request("GET", f"/files/user/{key}", catnap_user="curl")
        assert got.body == content


async def test_files_are_put_past_the_gateway_in_parts(
    files: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "PART", 5 << 20)
    folder = tmp_path / "scans"
    folder.mkdir()
    content = bytes(range(256)) * 50_000
    (folder / "large").write_bytes(content)
    (folder / "empty").write_bytes(b"")
    done = await cli(files, "put", str(folder), "--direct", "--user", "direct")
    assert done == (0, "put 2 files, 12.8 MB\n", "")
    got = await files.request("GET", "/files/user/scans/large", catnap_user="direct")
    assert got.body == content
    assert await keys(files, "--user", "direct") == ["scans/empty", "scans/large"]
