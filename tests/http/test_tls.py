"""TLS as a server and its clients speak it: real handshakes, on this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.http import Client, ConnectionLost, Request, Response, Server, Target
from catnap.http.server_tls import TlsFiles, server_context
from tests.authority import Authority, Pair

REFUSED = (Unavailable, ConnectionLost)
"""A client of TLS 1.3 has sent its request before it hears that its certificate
is not taken."""


async def answer(request: Request) -> Response:
    return Response.text(f"{request.method} {len(request.certificate) > 0}")


@asynccontextmanager
async def listening(files: TlsFiles) -> AsyncIterator[Target]:
    server = Server(answer)
    _, port = await server.listen(host="127.0.0.1", tls=server_context(files))
    try:
        yield Target("localhost", port, tls=True)
    finally:
        await server.drain(0)


async def ask(where: Target, tls: ssl.SSLContext) -> str:
    client = Client(tls=tls)
    try:
        reply = await client.request(where, "GET", "/")
        return (await reply.read()).decode()
    finally:
        await client.close()


async def serial(where: Target, tls: ssl.SSLContext) -> str:
    """Of the certificate that the server shows."""
    _, writer = await asyncio.open_connection(where.host, where.port, ssl=tls)
    shown = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
    writer.close()
    return str(shown)


async def test_a_request_is_answered_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.serving()) as where:
        assert await ask(where, authority.trusted()) == "GET False"


async def test_a_client_trusts_no_certificate_of_an_authority_it_does_not_know(
    tmp_path: Path,
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with listening(authority.serving()) as where:
        for tls in (other.trusted(), ssl.create_default_context()):
            with pytest.raises(Unavailable, match="certificate verify failed"):
                await ask(where, tls)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_before_1_2_is_refused_and_http_1_1_is_what_is_agreed_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.serving()) as where:
        tls = authority.trusted()
        tls.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await asyncio.open_connection(where.host, where.port, ssl=tls)
        agreed = writer.get_extra_info("ssl_object")
        assert (agreed.selected_alpn_protocol(), agreed.version()) == ("http/1.1", "TLSv1.3")
        writer.close()
        old = authority.trusted()
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(Unavailable):
            await ask(where, old)


async def test_a_renewed_certificate_is_shown_from_the_next_connection_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.serving()
    async with listening(files) as where:
        first = await serial(where, authority.trusted())
        assert await serial(where, authority.trusted()) == first
        authority.issue("server", "localhost", files=Pair(files.cert, files.key))
        assert await serial(where, authority.trusted()) != first


async def test_files_that_are_no_good_leave_the_certificate_that_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    files = authority.serving()
    async with listening(files) as where:
        first = await serial(where, authority.trusted())
        key = files.key.read_bytes()
        for broken in (b"", Authority(tmp_path, "x").issue("x").key.read_bytes(), None):
            files.key.unlink() if broken is None else files.key.write_bytes(broken)
            assert await serial(where, authority.trusted()) == first
        assert "the certificate before it goes on" in caplog.text
        files.key.write_bytes(key)
        assert await serial(where, authority.trusted()) == first


async def test_where_clients_have_to_show_a_certificate_only_one_of_the_authority_is_taken(
    tmp_path: Path,
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with listening(authority.serving(clients=True)) as where:
        assert await ask(where, authority.trusted(authority.issue("good"))) == "GET True"
        past = authority.issue("past", lasts=timedelta(days=-1))
        for own in (None, other.issue("bad"), past):
            with pytest.raises(REFUSED):
                await ask(where, authority.trusted(own))


async def test_an_authority_that_was_replaced_is_trusted_no_more(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.serving(clients=True)
    assert files.client_ca
    async with listening(files) as where:
        old = authority.trusted(authority.issue("old"))
        assert await ask(where, old) == "GET True"
        next_one = Authority(tmp_path, "next")
        new = authority.trusted(next_one.issue("new"))
        with pytest.raises(REFUSED):
            await ask(where, new)
        files.client_ca.write_bytes(next_one.file.read_bytes())
        assert await ask(where, new) == "GET True"
        with pytest.raises(REFUSED):
            await ask(where, old)


async def test_no_session_is_taken_up_again_where_certificates_are_asked_for(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.serving(clients=True)) as where:
        tls = authority.trusted(authority.issue("good"))
        reader, writer = await asyncio.open_connection(where.host, where.port, ssl=tls)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        await reader.read()
        session = writer.get_extra_info("ssl_object").session
        assert session is None or not session.has_ticket
        # Whoever speaks 1.2 could take one up by its id.
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(REFUSED):
            await ask(where, tls)


@pytest.mark.parametrize("broken", ["cert", "key", "client_ca"])
def test_a_server_does_not_start_with_files_that_are_no_good(tmp_path: Path, broken: str) -> None:
    files = Authority(tmp_path).serving(clients=True)
    path: Path = getattr(files, broken)
    for spoil in (lambda: path.write_text("nothing"), path.unlink):
        spoil()
        with pytest.raises(InvalidRequest, match=str(path)):
            server_context(files)


async def test_an_address_says_whether_tls_is_spoken() -> None:
    for text, target in (
        ("https://catnap.example.com", Target("catnap.example.com", 443, tls=True)),
        ("https://catnap.example.com:8443/", Target("catnap.example.com", 8443, tls=True)),
        ("https://[::1]", Target("::1", 443, tls=True)),
        ("http://127.0.0.1", Target("127.0.0.1", 80)),
        ("127.0.0.1:80", Target("127.0.0.1", 80)),
    ):
        assert Target.parse(text) == target
        assert Target.parse(str(target)) == target
    for text in ("https://", "https://:1", "https://a/b", "ftp://a:1", "https://a:b", "a"):
        with pytest.raises(InvalidRequest):
            Target.parse(text)


async def test_a_client_that_never_ends_its_handshake_holds_up_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.serving()) as where:
        _, silent = await asyncio.open_connection(where.host, where.port)
        silent.write(b"\x16\x03\x01")
        assert await ask(where, authority.trusted()) == "GET False"
        silent.close()


async def test_a_client_that_has_ended_leaves_no_connection_behind(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.serving()) as where:
        client = Client(tls=authority.trusted())
        reply = await client.request(where, "GET", "/")
        await reply.read()
        [connection] = client._idle[where]
        socket = connection.transport.get_extra_info("socket")
        await client.close()
        for _ in range(2):  # turns of the loop, which its end has as well
            await asyncio.sleep(0)
        assert socket.fileno() == -1


async def test_a_connection_that_is_closing_already_is_waited_for_as_others_are(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    server = Server(answer)
    _, port = await server.listen(host="127.0.0.1", tls=server_context(authority.serving()))
    _, writer = await asyncio.open_connection("localhost", port, ssl=authority.trusted())
    while not server.connections:
        await asyncio.sleep(0)
    [connection] = server.connections
    connection.close_if_idle()
    connection.expire(asyncio.get_running_loop().time() + 1e6)
    assert connection.owes is False
    assert await server.drain(1)
    writer.close()
