"""The way out of a skill: its own proxy, its own list, and no longer than its call."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from catnap.errors import SkillCrashed
from tests.certificate import certify
from tests.platform.running import Running

SKILL = """
import asyncio, ssl, urllib.request
from catnap import Context, skill

@skill
async def out(ctx: Context, request: dict) -> str:
    if "url" not in request:
        return ctx.proxy
    context = ssl.create_default_context(cadata=request["trust"])
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": ctx.proxy}),
        urllib.request.HTTPSHandler(context=context),
    )
    return await asyncio.to_thread(lambda: opener.open(request["url"]).read().decode())
"""


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """An HTTPS server at localhost: its port, and whom to trust."""
    certificate = certify(tmp_path, "localhost")
    with ThreadingHTTPServer(("localhost", 0), Hello) as server:
        server.socket = certificate.context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], certificate.file
        server.shutdown()
        thread.join()


@pytest.fixture
def leaving(
    outside: tuple[int, Path], start: Callable[..., Running], tmp_path: Path
) -> tuple[Running, dict[str, str]]:
    """A platform with a skill that may go to the server, and its request."""
    port, trust = outside
    folder = tmp_path / "functions" / "out"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(SKILL)
    (folder / "skill.toml").write_text(
        'name = "out"\ndescription = "Goes out."\n'
        f'[egress]\nallow = ["localhost:{port}", "public.example"]\n'
    )
    platform = start(where=folder.parent, CATNAP_EGRESS_NETWORKS="127.0.0.0/8, ::1/128")
    return platform, {"url": f"https://localhost:{port}/", "trust": trust.read_text()}


async def test_a_skill_reaches_the_hosts_of_its_list_and_no_others(
    leaving: tuple[Running, dict[str, str]],
) -> None:
    platform, request = leaving
    with platform.client() as client:
        assert client.invoke("out", request).json() == "hello"
        with pytest.raises(SkillCrashed, match=r"may not connect to other\.example:443: add"):
            client.invoke("out", {**request, "url": "https://other.example/"})
    _, _, text = await platform.request("GET", "/metrics")
    assert b'catnap_egress_tunnels_total{skill="out"} 1.0' in text
    assert b'catnap_egress_refusals_total{reason="PermissionDenied",skill="out"} 1.0' in text


def test_the_way_out_closes_with_the_call(leaving: tuple[Running, dict[str, str]]) -> None:
    platform, _ = leaving
    with platform.client() as client:
        proxy = client.invoke("out", {}).json()
    grant, _, address = proxy.removeprefix("http://catnap:").partition("@")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        request = f"CONNECT public.example:443 HTTP/1.1\r\nProxy-Authorization: Bearer {grant}"
        connection.sendall(f"{request}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 407 ")
    assert "call has ended" in json.loads(body)["detail"]
