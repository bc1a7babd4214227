"""Files over HTTP, by key and by link, in a folder and in a bucket."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from catnap.files import Link
from tests.gateway.local import RIVAL
from tests.gateway.stores import STORES, Stored, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stored]:
    async with stored(request.param, tmp_path_factory.mktemp("files")) as found:
        yield found


async def test_what_is_put_is_got_with_what_is_known_of_it(files: Stored) -> None:
    put = await files.request("PUT", "/files/user/got/a%20b.txt", b"hello")
    assert put.status == 201
    assert put.json["key"] == "got/a b.txt"
    got = await files.request("GET", "/files/user/got/a%20b.txt")
    assert (got.status, got.body) == (200, b"hello")
    assert got.headers[b"content-type"] == b"text/plain"
    assert got.headers[b"content-length"] == b"5"
    assert got.headers[b"etag"] == put.headers[b"etag"]
    assert got.headers[b"x-content-type-options"] == b"nosniff"
    head = await files.request("HEAD", "/files/user/got/a%20b.txt")
    assert (head.status, head.body) == (200, b"")
    same = [b"etag", b"content-length", b"content-type", b"last-modified"]
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
    assert (await files.request("PUT", "/files/user/got/a%20b.txt", b"2")).status == 200
    assert (await files.request("DELETE", "/files/user/got/a%20b.txt")).status == 204
    assert (await files.request("GET", "/files/user/got/a%20b.txt")).status == 404


async def test_ranges_are_those_of_http(files: Stored) -> None:
    await files.request("PUT", "/files/user/range", b"0123456789")
    for asked, status, want, said in (
        ("bytes=2-4", 206, b"234", b"bytes 2-4/10"),
        ("bytes=-3", 206, b"789", b"bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", b"bytes 7-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=10-", 416, None, b"bytes */10"),
    ):
        got = await files.request("GET", "/files/user/range", range=asked)
        assert got.status == status
        assert got.headers.get(b"content-range") == said
        if want is not None:
            assert got.body == want
            assert got.headers[b"content-length"] == b"%d" % len(want)


async def test_a_part_of_another_version_is_not_given_as_this_one_s(files: Stored) -> None:
    put = await files.request("PUT", "/files/user/resumed", b"old content")
    old = put.headers[b"etag"].decode()
    part = await files.request("GET", "/files/user/resumed", range="bytes=4-", if_range=old)
    assert (part.status, part.body) == (206, b"content")
    await files.request("PUT", "/files/user/resumed", b"new")
    whole = await files.request("GET", "/files/user/resumed", range="bytes=4-", if_range=old)
    assert (whole.status, whole.body) == (200, b"new")


async def test_conditions_hold_or_the_answer_says_that_they_do_not(files: Stored) -> None:
    path = "/files/user/conditional"
    etag = (await files.request("PUT", path, b"1", if_none_match="*")).headers[b"etag"].decode()
    refused = await files.request("PUT", path, b"2", if_none_match="*")
    assert (refused.status, refused.json["status"]) == (412, 412)
    known = await files.request("GET", path, if_none_match=f'"x", {etag}')
    assert (known.status, known.body) == (304, b"")
    assert (await files.request("HEAD", path, if_none_match=etag)).status == 304
    assert (await files.request("PUT", path, b"2", if_match=etag)).status == 200
    for method in ("GET", "PUT", "DELETE"):
        refused = await files.request(method, path, if_match=etag)
        assert refused.status == 412
        assert refused.json["type"].endswith(":Conflict")
    assert (await files.request("GET", path)).body == b"2"


async def test_content_that_is_not_what_its_digest_says_is_not_kept(files: Stored) -> None:
    def digest(content: bytes) -> str:
        hashed = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return f"md5=:AA==:, sha-256=:{hashed}:"

    path = "/files/user/digest"
    said = digest(b"this")
    assert (await files.request("PUT", path, b"other", content_digest=said)).status == 400
    assert (await files.request("GET", path)).status == 404
    assert (await files.request("PUT", path, b"this", content_digest=said)).status == 201
    assert (await files.request("PUT", path, b"this", content_digest="md5=:AA==:")).status == 400


async def test_files_are_copied_and_moved_between_the_user_s_own_scopes(files: Stored) -> None:
    await files.request("PUT", "/files/user/from", b"x", content_type="text/csv")
    to = "/files/session:s1/to"
    made = await files.request("POST", to, b'{"do": "copy", "key": "from"}')
    assert (made.status, made.json["content_type"]) == (201, "text/csv")
    assert (await files.request("GET", to)).body == b"x"
    moved = await files.request(
        "POST", "/files/task:t1/gone", b'{"do": "move", "key": "to", "scope": "session:s1"}'
    )
    assert moved.status == 201
    assert (await files.request("GET", to)).status == 404
    assert (await files.request("GET", "/files/task:t1/gone")).body == b"x"
    here = b'{"do": "move", "key": "from"}'
    assert (await files.request("POST", "/files/user/from", here)).status == 400
    assert (await files.request("POST", "/files/user/a", here, catnap_user="bob")).status == 404


async def test_listing_goes_in_pages(files: Stored) -> None:
    for number in range(5):
        await files.request("PUT", f"/files/session:pages/p/{number}", b"")
    seen: list[str] = []
    path = "/files/session%3Apages?prefix=p/&page_size=2"
    token = ""
    while True:
        page = (await files.request("GET", f"{path}&page_token={token}")).json
        assert len(page["files"]) <= 2
        seen += [file["key"] for file in page["files"]]
        if not (token := page["next"]):
            break
    assert seen == [f"p/{number}" for number in range(5)]
    await files.request("PUT", "/files/user/mine", b"", catnap_user="pager")
    own = await files.request("GET", "/files", catnap_user="pager")
    assert [file["key"] for file in own.json["files"]] == ["mine"]


async def shared(files: Stored, path: str, content: bytes) -> dict[str, Any]:
    asked = msgspec.json.encode({"size": len(content), "content_type": "text/csv"})
    answer = await files.request("POST", path, asked)
    assert answer.status == 200, answer.body
    assert answer.headers[b"cache-control"] == b"no-store"
    found: dict[str, Any] = answer.json
    return found


async def test_a_link_reads_one_file_without_a_key(files: Stored) -> None:
    await files.request("PUT", "/files/user/linked", b"for you")
    link = (await files.request("GET", "/links/user/linked?seconds=60")).json
    assert (link["method"], link["seconds"]) == ("GET", 60)
    assert link["url"].startswith("/" if files.store == "folder" else "http://")
    assert (await files.follow(link)).body == b"for you"
    assert (await files.follow(link | {"method": "DELETE"})).status in (401, 403, 405)
    assert (await files.request("GET", "/links/user/none")).status == 404
    assert (await files.request("GET", "/links/user/linked", key=RIVAL)).status == 404
    assert (await files.request("GET", "/links/user/linked?seconds=3601")).status == 400


async def test_a_link_writes_one_file_of_just_its_size(files: Stored) -> None:
    link = await shared(files, "/links/user/brought", b"12345")
    for wrong in (b"1234", b"123456"):
        assert 400 <= (await files.follow(link, wrong)).status < 500
    if link["finish"]:
        assert (await files.request("PUT", link["finish"], key="")).status == 404
    assert (await files.request("GET", "/files/user/brought")).status == 404
    assert (await files.follow(link, b"12345")).status in (200, 201)
    if link["finish"]:
        assert (await files.request("GET", "/files/user/brought")).status == 404
        assert (await files.request("PUT", link["finish"], key="")).status == 201
        assert (await files.request("PUT", link["finish"], key="")).status == 404
    got = await files.request("GET", "/files/user/brought")
    assert (got.body, got.headers[b"content-type"]) == (b"12345", b"text/csv")


async def test_parts_of_a_file_are_sent_by_links_of_their_own(files: Stored) -> None:
    content = b"0" * (5 << 20) + b"end"
    asked = {"size": len(content), "part_size": 5 << 20}
    status, link = await files.ask("POST", "/links/user/parts", asked)
    assert status == 200
    if files.store == "folder":
        assert (link["parts"], link["url"][:12]) == ([], "/files/user/")
        return
    assert [each["size"] for each in link["parts"]] == [5 << 20, 3]
    for part, body in zip(link["parts"], (content[: 5 << 20], b"end"), strict=True):
        sent = {"method": "PUT", "url": part["url"], "headers": {}}
        assert (await files.follow(sent, body)).status == 200
    assert (await files.request("PUT", link["finish"], key="")).status == 201
    assert (await files.request("GET", "/files/user/parts")).body == content


async def test_parts_that_no_store_takes_are_refused(files: Stored) -> None:
    for asked, said in (
        ({"size": 10 << 20, "part_size": 1 << 20}, "5,242,880 or more each"),
        ({"size": 5 << 30, "part_size": 5 << 20}, "5,368,710 or more each"),
        ({"size": 1, "part_size": -1}, "0 is all in one"),
        ({"size": 6 << 30}, "up to 5,368,709,120 bytes"),
    ):
        status, problem = await files.ask("POST", "/links/user/parts", asked)
        assert (status, said in problem["detail"]) == (400, True), problem


async def test_a_link_of_ours_is_for_one_method_one_key_and_one_time(files: Stored) -> None:
    await files.request("PUT", "/files/user/one", b"1")
    await files.request("PUT", "/files/user/two", b"2")

    def link(**changed: Any) -> str:
        given = {"tenant": "acme", "user": "default", "key": "one", "method": "GET"}
        given |= {"expires": int(time.time()) + 60, "roles": ("caller",)} | changed
        return f"?sig={files.gateway.links.sign(Link(**given))}"

    assert (await files.request("GET", "/files/user/one" + link(), key="")).body == b"1"
    assert (await files.request("HEAD", "/files/user/one" + link(), key="")).status == 200
    for method, path, signed, status in (
        ("GET", "/files/user/two", link(), 403),
        ("PUT", "/files/user/one", link(), 403),
        ("DELETE", "/files/user/one", link(), 401),
        ("GET", "/files/user/one", link(method="PUT"), 403),
        ("GET", "/files/session%3Aone/one", link(), 403),
        ("GET", "/files/user", link(), 401),
        ("GET", "/links/user/one", link(), 401),
        ("GET", "/skills", link(), 401),
        ("GET", "/files/user/one", link(expires=int(time.time())), 401),
        ("GET", "/files/user/one", link()[:-1], 401),
        ("GET", "/files/user/one", link(roles=()), 403),
    ):
        answer = await files.request(method, path + signed, key="")
        assert answer.status == status, (method, path)
    other = link(tenant="rival")
    assert (await files.request("GET", "/files/user/one" + other, key="")).status == 404
