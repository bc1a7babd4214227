"""A gateway with nothing but files, on each store that they may lie in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from catnap.gateway.gateway import Gateway
from catnap.http import Client, Target
from tests.contract import versitygw
from tests.gateway.local import ACME, started

STORES = ("folder", "s3")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class World:
    store: str
    gateway: Gateway
    where: Target
    client: Client = field(default_factory=Client)

    async def ask(
        self, method: str, path: str, body: Any = b"", *, key: str = ACME, **headers: str
    ) -> Answer:
        """headers: by name, `_` for `-`. key: empty for none."""
        sent = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        if key:
            sent.append((b"authorization", b"Bearer " + key.encode()))
        reply = await self.client.request(self.where, method, path, sent, body)
        return Answer(reply.status, reply.headers, await reply.read())

    async def follow(self, shared: Any, body: bytes = b"") -> Answer:
        """Uses a link as whoever was given it does, without a key."""
        if shared["url"].startswith("/"):
            where, path = self.where, shared["url"]
        else:
            rest = shared["url"].removeprefix("http://")
            place, _, path = rest.partition("/")
            where, path = Target.parse(place), f"/{path}"
        sent = [
            (name.lower().encode(), value.encode())
            for name, value in shared["headers"].items()
            if name != "Content-Length"
        ]
        reply = await self.client.request(where, shared["method"], path, sent, body)
        return Answer(reply.status, reply.headers, await reply.read())


@contextmanager
def placed(store: str, folder: Path) -> Iterator[str]:
    """What a gateway is told of where its files lie. Skips where there is no
    server for it. store: one of STORES."""
    if store == "folder":
        yield ""
        return
    program = versitygw.find()
    if program is None:
        pytest.skip(versitygw.HOW)
    (folder / "s3").mkdir()
    with versitygw.running(program, folder / "s3") as bucket:
        keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
        with patch.dict(os.environ, keys):
            yield f"s3://{bucket.name}?endpoint={bucket.endpoint}"


@asynccontextmanager
async def world(store: str, folder: Path) -> AsyncIterator[World]:
    """store: one of STORES. Skips where there is no server for it."""
    (folder / "functions").mkdir()
    with placed(store, folder) as url:
        async with started(folder, files=url) as (gateway, where):
            found = World(store, gateway, where)
            yield found
            await found.client.close()
