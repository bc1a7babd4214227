"""A platform as its callers meet it, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catnap.client import Client, connect
from catnap.http import Client as HttpClient
from catnap.http import Target


class Reached:
    """http, grpc: its addresses, host:port. callback: where skills call back.
    key: opens them."""

    http: str
    grpc: str
    callback: str
    key: str

    def client(self) -> Client:
        return connect(self.grpc, self.key)

    async def request(
        self,
        method: str,
        path: str,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP request. A body that is not bytes is sent as JSON."""
        sent = {"authorization": f"Bearer {self.key if key is None else key}"}
        if not isinstance(body, bytes):
            body = msgspec.json.encode(body)
            sent["content-type"] = "application/json"
        sent |= headers or {}
        pairs = [(name.encode(), value.encode()) for name, value in sent.items() if value]
        client = HttpClient()
        try:
            at = self.callback if path.startswith("/callback") else self.http
            reply = await client.request(Target.parse(at), method, path, pairs, body)
            data = await reply.read()
        finally:
            await client.close()
        return reply.status, {k.decode(): v.decode() for k, v in reply.headers.items()}, data
