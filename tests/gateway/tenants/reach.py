"""A gateway for two tenants, on both its surfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from catnap.access import Key
from catnap.v1.files_pb2_grpc import FilesStub
from catnap.v1.skills_pb2_grpc import SkillsStub
from catnap.v1.tasks_pb2_grpc import TasksStub
from tests.gateway.stores import placed
from tests.gateway.world import World, running

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
class Reach(World):
    files: FilesStub = field(kw_only=True)
    tasks: TasksStub = field(kw_only=True)
    skills: SkillsStub = field(kw_only=True)


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
        async with (
            running(folder, NOTES, keys=KEYS, files=url) as world,
            aio.insecure_channel(world.grpc) as channel,
        ):
            yield Reach(
                **vars(world),
                files=FilesStub(channel),  # type: ignore[no-untyped-call]
                tasks=TasksStub(channel),  # type: ignore[no-untyped-call]
                skills=SkillsStub(channel),  # type: ignore[no-untyped-call]
            )
