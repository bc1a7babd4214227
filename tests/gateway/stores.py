"""A gateway with nothing but files, on each store that they may lie in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from catnap.http import Target
from tests.contract import versitygw
from tests.gateway.local import ACME
from tests.gateway.world import Answer, World, running

STORES = ("folder", "s3")


@dataclass
class Stored(World):
    """store: one of STORES."""

    store: str = field(kw_only=True)

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
async def stored(store: str, folder: Path) -> AsyncIterator[Stored]:
    """One whose key is a tenant's. store: one of STORES. Skips where there is no
    server for it."""
    (folder / "functions").mkdir()
    with placed(store, folder) as url:
        async with running(folder, files=url) as world:
            yield Stored(**vars(world) | {"key": ACME}, store=store)
