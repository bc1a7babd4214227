"""Clients as people have them, through TLS, unmodified."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import ssl
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import requests

from tests.certificate import Certificate
from tests.gateway.egress.world import HOST, World, answer

Start = Callable[..., Awaitable[World]]
BODY = bytes(range(256)) * 4096

curl_is_here = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


async def curl(*arguments: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *("curl", "-q", "-sS", *arguments),
        env={"PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


@curl_is_here
async def test_curl(start: Start, certificate: Certificate) -> None:
    world = await start()
    seen: list[bytes] = []
    port = await world.serve(answer(BODY, seen), certificate.context)
    url = f"https://{HOST}:{port}/file"
    trusting = ("--cacert", str(certificate.file))
    proxy = ("--proxy", world.url(f"*.example.com:{port}"))
    assert await curl(*trusting, *proxy, url, url) == (0, BODY * 2, "")
    assert seen[0].startswith(b"GET /file HTTP/1.1\r\n")
    # The Grant is the proxy's; the host sees nothing of it.
    assert b"roxy-" not in b"".join(seen)
    assert b"cg1." not in b"".join(seen)


@curl_is_here
async def test_curl_that_asks_first_what_credentials_are_wanted(
    start: Start, certificate: Certificate
) -> None:
    world = await start()
    port = await world.serve(answer(b"ok"), certificate.context)
    status, out, err = await curl(
        *("--cacert", str(certificate.file), "--proxy-anyauth"),
        *("--proxy", world.url(f"{HOST}:{port}"), f"https://{HOST}:{port}/"),
    )
    assert (status, out, err) == (0, b"ok", "")


@curl_is_here
async def test_curl_is_told_in_one_line_why_not(start: Start) -> None:
    world = await start()
    refused = await curl("-v", "--proxy", world.url("other.example"), f"https://{HOST}/")
    assert refused[0] == 56
    assert (
        f"403 skill 'search' may not connect to {HOST}:443: add \"{HOST}\" to allow" in refused[2]
    )
    plain = await curl("--proxy", world.url(f"{HOST}:80"), f"http://{HOST}/")
    assert plain[0] == 0
    assert b"only takes CONNECT" in plain[1]
    nobody = await curl("-v", "--proxy", f"http://{world.host}:{world.port}", f"https://{HOST}/")
    assert "407 the proxy takes the Grant of a call" in nobody[2]


async def test_requests(start: Start, certificate: Certificate) -> None:
    world = await start()
    port = await world.serve(answer(BODY), certificate.context)
    proxies = {"https": world.url(f"{HOST}:{port}")}

    def fetch() -> None:
        got = requests.get(f"https://{HOST}:{port}/", proxies=proxies, verify=certificate.file)
        assert got.content == BODY
        with pytest.raises(requests.exceptions.ProxyError, match="may not connect to evil"):
            requests.get("https://evil.net/", proxies=proxies)

    await asyncio.to_thread(fetch)


async def test_urllib(start: Start, certificate: Certificate) -> None:
    world = await start()
    port = await world.serve(answer(BODY), certificate.context)
    proxy = world.url(f"{HOST}:{port}")

    def fetch() -> None:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": proxy}),
            urllib.request.HTTPSHandler(context=trusting(certificate.file)),
        )
        with opener.open(f"https://{HOST}:{port}/") as answered:
            assert answered.read() == BODY
        with pytest.raises(URLError, match="403 skill 'search' may not connect"):
            opener.open("https://evil.net/")

    await asyncio.to_thread(fetch)


async def test_http_client(start: Start, certificate: Certificate) -> None:
    world = await start()
    port = await world.serve(answer(BODY), certificate.context)
    credential = {"Proxy-Authorization": "Bearer " + world.grant(f"{HOST}:{port}")}

    def fetch() -> None:
        connection = http.client.HTTPSConnection(
            world.host, world.port, context=trusting(certificate.file)
        )
        connection.set_tunnel(HOST, port, credential)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == BODY
        connection.close()

    await asyncio.to_thread(fetch)


def trusting(file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)
