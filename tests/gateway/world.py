"""A gateway, and whoever asks it: over HTTP, and by command."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from catnap.cli.app import run
from catnap.gateway.gateway import Gateway
from catnap.gateway.rpc import serve_grpc
from catnap.http import Client, Target
from tests.gateway.local import ADMIN, started


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        """None where there is no body."""
        return json.loads(self.body) if self.body else None


@dataclass
class World:
    """grpc: where it listens for gRPC. key: whose asks, where no other is given."""

    gateway: Gateway
    where: Target
    grpc: str
    client: Client
    key: str = ADMIN

    async def request(
        self, method: str, path: str, body: Any = b"", *, key: str | None = None, **headers: str
    ) -> Answer:
        """key: empty for none. headers: by name, `_` for `-`; those that are
        empty are left out."""
        key = self.key if key is None else key
        sent = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items() if v]
        if key:
            sent.append((b"authorization", b"Bearer " + key.encode()))
        reply = await self.client.request(self.where, method, path, sent, body)
        return Answer(reply.status, reply.headers, await reply.read())

    async def ask(
        self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """As `request`, with JSON both ways; None is no body."""
        sent = b"" if body is None else json.dumps(body).encode()
        answer = await self.request(method, path, sent, key=key, **headers)
        return answer.status, answer.json

    async def cli(
        self, *argv: str, key: str | None = None, given: bytes = b""
    ) -> tuple[int, str, str]:
        """A command's status and what it printed. given: its stdin."""
        key = self.key if key is None else key
        return await command(*argv, "--http", str(self.where), "--token", key, given=given)


async def command(*argv: str, given: bytes = b"") -> tuple[int, str, str]:
    """`catnap` in this process: its status, stdout and stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    stdin = io.TextIOWrapper(io.BytesIO(given))
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", stdin):
        status = await asyncio.to_thread(run, argv)
    return status, *(each.buffer.getvalue().decode() for each in (out, err))  # type: ignore[attr-defined]


@asynccontextmanager
async def running(folder: Path, *skills: Path, **how: Any) -> AsyncIterator[World]:
    """how: as `started` takes it."""
    async with started(folder, *skills, **how) as (gateway, where):
        rpc = await serve_grpc(gateway, "127.0.0.1:0")
        client = Client()
        try:
            yield World(gateway, where, f"127.0.0.1:{rpc.port}", client)
        finally:
            await client.close()
            await rpc.stop(0)
