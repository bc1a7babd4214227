"""How a Context reaches the platform, and what the platform lets it do.

The routes, all below `/callback` and open to a Grant only:

    GET    /callback/files/<scope>?prefix=&page_token=   keys of a scope
    GET    /callback/files/<scope>/<key>                 content, with ETag; Range
    HEAD   /callback/files/<scope>/<key>                 what it is
    PUT    /callback/files/<scope>/<key>                 If-Match, If-None-Match
    POST   /callback/files/<scope>/<key>                 {"do": "copy", "scope":, "key":}
    DELETE /callback/files/<scope>/<key>                 If-Match
    GET    /callback/links/<scope>/<key>?seconds=        a link to read it
    POST   /callback/links/<scope>/<key>                 {"size":}: a link to write it
    POST   /callback/models/<model>/embed                {"texts": [...]} -> float32
    POST   /callback/models/<model>/generate             {"prompt":} -> a line of JSON a piece
    POST   /callback/models/<model>/infer                tensors, as OIP's REST has them
    *      /callback/v1/...                              OpenAI's HTTP, for its own clients
    POST   /callback/packages                            {"requirements": []}: may they be had?
    GET    /callback/packages/simple/<name>/             its wheels; for an installer
    GET    /callback/packages/files/<sha256>/<wheel>     one, or with .metadata what it says
    POST   /callback/skills/<name>                       a child call
    POST   /callback/events                              a CloudEvent
    POST   /callback/workspace                           the session's folder, for a host

scope is `user`, `session` or `task`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from catnap.errors import Unavailable, from_problem
from catnap.http import Client, Reply, Target

Headers = Sequence[tuple[bytes, bytes]]


class Answer(Protocol):
    """A response: status, headers by lower-case name, a body to read or close."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[bytes, bytes]: ...
    @property
    def body(self) -> AsyncIterable[bytes]: ...
    async def read(self, limit: int = ...) -> bytes: ...
    def close(self) -> None: ...


class Gateway(Protocol):
    """The seam between a Context and the platform; tests put a fake here."""

    @property
    def proxy(self) -> str:
        """The URL of the egress proxy, with the call's Grant. Raises
        Unavailable where there is none."""
        ...

    @property
    def index(self) -> str:
        """The URL of the index that an installer asks, with the call's Grant;
        empty where what is asked for counts as installed. Raises Unavailable
        where there is none."""
        ...

    @property
    def access(self) -> tuple[str, str]:
        """The URL that the routes are below, and the call's Grant, for clients of
        other protocols. Raises Unavailable where there is none."""
        ...

    async def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Answer:
        """Sends one request with the call's Grant.

        Raises the error that an answer of 400 or above stands for.
        """
        ...


class HttpGateway:
    """The real one: HTTP/1.1 to the address in CATNAP_CALLBACK, and the proxy
    at the one in CATNAP_EGRESS."""

    def __init__(
        self, client: Client, target: Target, grant: bytes, egress: Target | None = None
    ) -> None:
        self._client = client
        self._target = target
        self._grant = grant
        self._egress = egress

    @property
    def proxy(self) -> str:
        if self._egress is None:
            raise Unavailable(
                "ctx.proxy: this platform has no egress proxy; CATNAP_EGRESS of the instance "
                "would name it"
            )
        return f"http://catnap:{self._grant.decode('latin-1')}@{self._egress}"

    @property
    def index(self) -> str:
        target = self._target
        if target.path:
            raise Unavailable("ctx.install: CATNAP_CALLBACK is a Unix socket; it takes host:port")
        scheme = "https" if target.tls else "http"
        grant = self._grant.decode("latin-1")
        return f"{scheme}://catnap:{grant}@{target.authority}/callback/packages/simple/"

    @property
    def access(self) -> tuple[str, str]:
        target = self._target
        if target.path:
            raise Unavailable(
                "ctx.models.openai: CATNAP_CALLBACK is a Unix socket; it takes host:port"
            )
        scheme = "https" if target.tls else "http"
        return f"{scheme}://{target.authority}/callback", self._grant.decode("latin-1")

    async def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Reply:
        authorization = (b"authorization", b"Bearer " + self._grant)
        reply = await self._client.request(
            self._target, method, path, [authorization, *headers], body
        )
        if reply.status >= 400:
            raise from_problem(reply.status, await reply.read())
        return reply


class NoGateway:
    """Where a skill runs by itself, under another server or in a test."""

    @property
    def proxy(self) -> str:
        raise Unavailable(
            "ctx.proxy: this skill runs without the platform; call it through the gateway"
        )

    @property
    def index(self) -> str:
        raise Unavailable(
            "ctx.install: this skill runs without the platform; call it through the gateway"
        )

    @property
    def access(self) -> tuple[str, str]:
        raise Unavailable(
            "ctx.models.openai: this skill runs without the platform; call it through the gateway"
        )

    async def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Reply:
        raise Unavailable(
            f"{method} {path}: this skill runs without the platform; call it through the gateway"
        )
