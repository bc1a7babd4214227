"""The two surfaces of one gateway, for somebody with a credential."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from catnap.access import Key
from catnap.gateway.rpc import serve_grpc
from catnap.http import Client, Target
from catnap.v1.files_pb2_grpc import FilesStub
from catnap.v1.skills_pb2_grpc import SkillsStub
from catnap.v1.tasks_pb2_grpc import TasksStub
from tests.gateway.local import started
from tests.gateway.stores import placed

TENANTS = ("acme", "rival")
ROLES = {"service": "caller", "keeper": "tenant-admin"}
NOTES = Path(__file__).parent / "functions" / "notes"


def secret(tenant: str, name: str) -> str:
    return f"{tenant}-{name}-0123456789"


KEYS = tuple(
    Key.of(secret(tenant, name), name=name, roles=(role,), tenant=tenant)
    for tenant in TENANTS
    for name, role in ROLES.items()
)


@dataclass
class Reach:
    where: Target
    client: Client
    files: FilesStub
    tasks: TasksStub
    skills: SkillsStub

    async def http(
        self, method: str, path: str, key: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        """headers: by name, `_` for `-`; those that are empty are left out."""
        fields = [(b"authorization", f"Bearer {key}".encode())]
        fields += [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items() if v]
        reply = await self.client.request(self.where, method, path, fields, body)
        return reply.status, await reply.read()

    async def json(
        self, method: str, path: str, key: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        status, data = await self.http(method, path, key, sent, **headers)
        return status, json.loads(data) if data else None


async def refused(call: aio.Call) -> str:
    """The class of the error that an RPC ends with; empty for none."""
    status = await rpc_status.aio.from_call(call)
    if status is None:
        return ""
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


@asynccontextmanager
async def reached(store: str, folder: Path) -> AsyncIterator[Reach]:
    """A gateway for two tenants, with its files in that store."""
    with placed(store, folder) as url:
        async with started(folder, NOTES, keys=KEYS, files=url) as (gateway, where):
            rpc = await serve_grpc(gateway, "127.0.0.1:0")
            client = Client()
            async with aio.insecure_channel(f"127.0.0.1:{rpc.port}") as channel:
                stubs = FilesStub(channel), TasksStub(channel), SkillsStub(channel)  # type: ignore[no-untyped-call]
                yield Reach(where, client, *stubs)
            await client.close()
            await rpc.stop(0)
