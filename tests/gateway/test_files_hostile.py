"""What is sent to cross into somebody else's files, in a folder and in a bucket:
nothing crosses, and nothing makes the server fail."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

import pytest
import pytest_asyncio

from catnap.access import Grant
from catnap.files import Link
from catnap.http import Target
from tests.gateway.local import ACME, RIVAL
from tests.gateway.stores import STORES, Stored, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = b"nobody else may see this"
VICTIMS = {
    "user": "/files/user/secret.txt",
    "session": "/files/session%3As/secret.txt",
    "task": "/files/task%3At/secret.txt",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stored]:
    async with stored(request.param, tmp_path_factory.mktemp("hostile")) as found:
        for user in ("default", "alice"):
            for path in VICTIMS.values():
                put = await found.request("PUT", path, SECRET, key=RIVAL, catnap_user=user)
                assert put.status == 201
        await found.request("PUT", "/files/user/secret.txt", SECRET, catnap_user="alice")
        yield found


async def untouched(files: Stored) -> bool:
    """Whether every victim has what it had, and nothing more."""
    for user, kind in itertools.product(("default", "alice"), ("user", "session:s", "task:t")):
        page = await files.request("GET", f"/files/{kind}", key=RIVAL, catnap_user=user)
        if [file["key"] for file in page.json["files"]] != ["secret.txt"]:
            return False
        got = await files.request("GET", f"/files/{kind}/secret.txt", key=RIVAL, catnap_user=user)
        if got.body != SECRET:
            return False
    return True


UP = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "..%00", "..;", ".. ", "..\\"]
UP += ["%2e%2e%5c", "\uff0e\uff0e", "%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "....", "%u002e%u002e"]
SLASH = ["/", "%2f", "%5c", "%252f", "%c0%af", "%ef%bc%8f", "//", "/./", "%2f%2f"]
TARGETS = [
    "rival/default/files/secret.txt",
    "rival/alice/sessions/s/secret.txt",
    "alice/files/secret.txt",
]
ODD = [
    *(f"a%{byte:02x}b" for byte in (*range(32), 0x7F, 0x80, 0xC0, 0xED, 0xF5, 0xFE, 0xFF)),
    *(
        "%ed%a0%80",
        "%f4%90%80%80",
        "%ef%bf%be",
        "%ef%b7%90",
        "a%cc%81",
        "%e2%80%ae",
        "%f0%9f%98%80",
    ),
    *("a" * 1025, "%e9" * 2, "%C3%A9" * 513, "/".join("a" * 600), ".", "%2e", "a/", "/a", "a//b"),
    *("con", "nul.txt", "a%3ab", "a%7cb", "%20", "a%20", "%20a", "%09", "~root", "$HOME", "`id`"),
    *("index.db", "content", "pending", "catnap.db", "../index.db", "%2e%2e/admin.key", "a%0d%0ab"),
    *(".sgwtmp", ".sgwtmp/multipart", "%2esgwtmp/x", "__XLDIR__", "a%23b", "a%3fuploads", "a%26b"),
]


def keys() -> Iterator[str]:
    """As they are written in a path, already quoted where they are."""
    for up, slash, target in itertools.product(UP, SLASH, TARGETS):
        for depth in (1, 4):
            yield quote((up + slash) * depth, safe="%/;\\ ") + target
    yield from (quote(odd, safe="%/$`~#?&|") for odd in ODD)


HOSTILE_KEYS = sorted({key.replace(" ", "%20").replace("\\", "%5C") for key in keys()})


async def test_no_hostile_key_crosses_or_fails_the_server(files: Stored) -> None:
    assert len(HOSTILE_KEYS) >= 500
    for key in HOSTILE_KEYS:
        path = f"/files/user/{key.replace('`', '%60').replace('|', '%7C')}"
        path = path.replace("#", "%23").replace("?", "%3F")
        put = await files.request("PUT", path, b"mine", catnap_user="mallory")
        assert put.status < 500, (key, put)
        got = await files.request("GET", path, catnap_user="mallory")
        assert got.status < 500, (key, got)
        assert SECRET not in got.body
        listing = f"/files/user?prefix={path[12:]}"
        listed = await files.request("GET", listing, catnap_user="mallory")
        assert listed.status < 500, (key, listed)
        if put.status in (200, 201):
            # What was taken is the key that was sent, in the one form that is kept.
            sent = unicodedata.normalize("NFC", unquote_to_bytes(path[12:]).decode())
            assert put.json["key"] == sent, key
            assert got.body == b"mine"
            assert (await files.request("DELETE", path, catnap_user="mallory")).status == 204
        else:
            assert got.status in (400, 404), (key, got)
    assert (await files.request("GET", "/files", catnap_user="mallory")).json["files"] == []
    assert await untouched(files)


def links(files: Stored) -> Iterator[tuple[str, str]]:
    """Methods and paths that nobody was given."""
    given = {"tenant": "acme", "user": "mallory", "key": "mine", "method": "GET"}
    given |= {"expires": int(time.time()) + 60, "roles": ("caller",)}
    good = files.gateway.links.sign(Link(**given))  # type: ignore[arg-type]
    version, payload, mac = good.split(".")
    for path in (
        *VICTIMS.values(),
        "/files/user/min",
        "/files/user/mine/",
        "/files/user/mine%2f..%2f..%2fsecret.txt",
        "/files/user/../user/secret.txt",
        "/files",
        "/files/user",
        "/links/user/mine",
        "/keys",
        "/platform",
        "/skills",
        "/audit",
        "/callback/files/user/mine",
    ):
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            yield method, f"{path}?sig={good}"
    for place in range(0, len(good), max(1, len(good) // 40)):
        other = "A" if good[place] != "A" else "B"
        yield "GET", f"/files/user/mine?sig={good[:place]}{other}{good[place + 1 :]}"
    for forged in (
        "",
        version,
        f"{version}.{payload}",
        f"{version}.{payload}.",
        f"{version}..{mac}",
        f"cg1.{payload}.{mac}",
        f"{payload}.{mac}",
        f"{good}=",
        f"{good}.{mac}",
        f"{good}&sig={good}",
        "x" * 20_000,
        "%ff%fe",
        "%00",
        files.gateway.grants.issue(Grant(tenant="rival", user="default", expires=4e9)),
        *(files.gateway.links.sign(Link(**{**given, **wrong})) for wrong in WRONG),  # type: ignore[arg-type]
    ):
        yield "GET", f"/files/user/mine?sig={forged}"
        yield "PUT", f"/files/user/mine?sig={forged}"


WRONG: list[dict[str, Any]] = [
    {"expires": 0},
    {"tenant": "rival"},
    {"user": "alice"},
    {"session": "s"},
    {"task": "t"},
    {"key": "secret.txt"},
    {"method": "PUT", "upload": "../../rival/default/files"},
    {"method": "PUT", "upload": "x", "size": 10**18},
    {"roles": ()},
    {"roles": ("viewer",), "method": "PUT"},
]


async def test_no_link_that_was_not_given_crosses_or_fails_the_server(files: Stored) -> None:
    await files.request("PUT", "/files/user/mine", b"mine", catnap_user="mallory")
    tried = 0
    for method, path in links(files):
        answer = await files.request(method, path, b"changed", key="")
        assert answer.status < 500, (method, path, answer)
        assert SECRET not in answer.body
        if answer.status < 400:
            assert answer.body in (b"", b"mine"), (method, path)
        tried += 1
    assert tried >= 100
    kept = await files.request("GET", "/files/user/mine", catnap_user="mallory")
    assert kept.body == b"mine"
    assert await untouched(files)


async def test_a_link_of_the_store_s_own_is_as_narrow(files: Stored) -> None:
    """Signed by S3's rules: no other key, method, size, type or time."""
    if files.store != "s3":
        pytest.skip("a folder's links are ours")
    await files.request("PUT", "/files/user/mine", b"mine", catnap_user="mallory")
    asked = json.dumps({"size": 5, "content_type": "text/plain"}).encode()
    up = await files.request("POST", "/links/user/up", asked, catnap_user="mallory")
    down = await files.request("GET", "/links/user/mine?seconds=60", catnap_user="mallory")
    tried = 0
    for given in (up.json, down.json):
        url = urlsplit(given["url"])
        query = dict(parse_qsl(url.query))
        where = Target.parse(url.netloc)
        secret = "/tests/rival/default/files/secret.txt"
        paths = [secret, "/tests", "/", "/tests/acme/mallory/files/", url.path + "x"]
        paths += [url.path + "/../" * up + secret for up in range(1, 6)]
        paths += [url.path.replace("mallory", "alice"), url.path.replace("acme", "rival")]
        queries = [
            query | {name: value}
            for name, value in {
                "X-Amz-Expires": "604800",
                "X-Amz-Date": "20300101T000000Z",
                "X-Amz-SignedHeaders": "host",
                "X-Amz-Credential": "other/20300101/us-east-1/s3/aws4_request",
                "X-Amz-Signature": "0" * 64,
                "versionId": "null",
                "uploads": "",
                "uploadId": "x",
                "partNumber": "1",
                "acl": "",
                "tagging": "",
                "delete": "",
                "response-content-type": "text/html",
                "list-type": "2",
            }.items()
        ]
        queries += [{k: v for k, v in query.items() if k != left} for left in query]
        attempts = [(path, query) for path in paths] + [(url.path, each) for each in queries]
        attempts = [each for each in attempts if each != (url.path, query)]
        attempts = [
            (method, path, each)
            for method in ("GET", "PUT", "POST", "DELETE")
            for path, each in attempts
        ]
        for method, path, each in attempts:
            reply = await files.client.request(
                where,
                method,
                f"{path}?{urlencode(each)}",
                [(b"content-type", b"text/plain")],
                b"12345" if method == "PUT" else b"",
            )
            body = await reply.read()
            assert reply.status < 500, (method, path, each, body)
            assert SECRET not in body
            assert reply.status >= 400, (method, path, each, body)
            tried += 1
    assert tried >= 100
    assert await untouched(files)


SCOPES = ["", "user", "user:", "session", "session:", "session:..", "task:../../alice/files"]
SCOPES += [
    "upload:x",
    "uploads",
    "files",
    "..",
    "session:s/../..",
    "user\0",
    "session:" + "x" * 300,
]
SCOPES += [
    "tenant:rival",
    "rival",
    "session:\ud83d",
    "User",
    "user ",
    "session:s\n",
    "task:" + "%" * 9,
]


async def test_no_copy_crosses_or_fails_the_server(files: Stored) -> None:
    tried = 0
    for scope, key, do in itertools.product(
        SCOPES,
        ("secret.txt", "../secret.txt", "../../../rival/default/files/secret.txt", "", "a\0"),
        ("copy", "move"),
    ):
        asked = json.dumps({"do": do, "scope": scope, "key": key}).encode()
        path = f"/files/{quote(scope.encode('utf-8', 'replace'), safe='')}/taken"
        for to in ("/files/user/taken", path):
            answer = await files.request("POST", to, asked, catnap_user="mallory")
            assert 400 <= answer.status < 500, (to, asked, answer)
            assert SECRET not in answer.body
            tried += 1
    for body in (
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"do": "copy"}',
        b'{"do": "link", "key": "a"}',
        b'{"do": "copy", "key": 5}',
        b'{"do": "copy", "key": "a", "user": "alice"}',
        b'{"do": "copy", "key": "a", "tenant": "rival"}',
        b'{"do": "copy", "key": "' + b"a" * 200_000 + b'"}',
        b"[" * 50_000,
    ):
        answer = await files.request("POST", "/files/user/taken", body, catnap_user="mallory")
        assert 400 <= answer.status < 500, (body[:50], answer)
        tried += 1
    assert tried >= 100
    assert (await files.request("GET", "/files", catnap_user="mallory")).status == 200
    assert await untouched(files)


PARTS = [
    "uploads",
    "uploadId=x&partNumber=1",
    "uploadId=../../x",
    "partNumber=99999",
    "delete",
    "acl",
    "tagging",
    "policy",
    "versionId=null",
    "list-type=2&prefix=rival/",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
]
HEADERS: list[dict[str, str]] = [
    {"x_amz_copy_source": "/tests/rival/default/files/secret.txt"},
    {"x_amz_copy_source_range": "bytes=0-5"},
    {"x_amz_acl": "public-read-write"},
    {"x_http_method_override": "DELETE"},
    {"content_range": "bytes 0-3/99"},
    {"content_type": "text/plain\t; a=b"},
    {"content_type": "x" * 300},
    {"content_encoding": "gzip"},
    {"catnap_tenant": "rival"},
    {"catnap_user": "rival/default"},
    {"catnap_user": "../../rival/default"},
    {"if_match": "*"},
    {"if_none_match": "x"},
    {"content_digest": "sha-256=:AAAA:"},
]


async def test_nothing_that_speaks_s3_through_us_crosses(files: Stored) -> None:
    """Uploads in parts, as they are S3's and not ours."""
    tried = 0
    for query, method in itertools.product(PARTS, ("GET", "HEAD", "PUT", "POST", "DELETE")):
        path = f"/files/user/part?{query}"
        answer = await files.request(method, path, b"x", catnap_user="mallory")
        assert answer.status < 500, (method, query, answer)
        assert SECRET not in answer.body
        tried += 1
    for headers, method in itertools.product(HEADERS, ("GET", "PUT", "POST", "DELETE")):
        headers = {"catnap_user": "mallory"} | headers
        answer = await files.request(method, "/files/user/part", b"x", **headers)
        assert answer.status < 500, (method, headers, answer)
        assert SECRET not in answer.body
        tried += 1
    assert tried >= 100
    assert await untouched(files)


async def test_uploads_that_break_off_leave_nothing(files: Stored) -> None:
    heads = [
        (b"content-length: 20000000", b"x" * 9_000_000),
        (b"content-length: 5", b"x"),
        (b"transfer-encoding: chunked", b"5\r\nhello\r\n"),
        (b"transfer-encoding: chunked", b"ffffffffffffffff\r\nx"),
        (b"transfer-encoding: chunked", b"5\r\nhelloX"),
    ]
    for number, (framing, body) in enumerate(heads):
        _, connection = await asyncio.open_connection(files.where.host, files.where.port)
        head = b"PUT /files/user/broken-%d HTTP/1.1\r\nhost: a\r\ncatnap-user: mallory\r\n"
        key = b"authorization: Bearer " + ACME.encode() + b"\r\n"
        connection.write(head % number + key + framing + b"\r\n\r\n" + body)
        await connection.drain()
        connection.transport.abort()
    await files.gateway.files.settle()
    listed = await files.request("GET", "/files?prefix=broken", catnap_user="mallory")
    assert listed.json["files"] == []
