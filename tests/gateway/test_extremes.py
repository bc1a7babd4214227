"""What a client may write and no machine has a number for is refused by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from catnap.access import decide
from catnap.v1 import files_pb2, tasks_pb2
from catnap.v1.files_pb2_grpc import FilesStub
from catnap.v1.tasks_pb2_grpc import TasksStub
from tests.gateway.local import ACME, RIVAL, make_skill
from tests.gateway.world import World, running

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: dict) -> dict: return request\n"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, make_skill(folder, "echo", MAIN)) as world:
        yield world


@pytest.mark.parametrize(
    "path",
    [
        f"/sessions?limit={'9' * 5000}",
        "/sessions?limit=%D9%A3",
        "/sessions?limit=0",
        f"/audit?limit={'9' * 5000}",
        "/audit?since=0001-01-01T00:00:00%2B23:59",
        "/audit?since=9999-12-31T23:59:59-23:59",
        f"/audit?before={quote(json.dumps(['9', 'x', 10**30]))}",
        f"/audit?before={quote(json.dumps(['9', 'x', -1]))}",
        f"/files?page_size={'9' * 5000}",
        "/files?page_size=-1",
    ],
    ids=lambda path: path[:40],
)
async def test_numbers_and_times_of_a_query_have_bounds(world: World, path: str) -> None:
    status, problem = await world.ask("GET", path)
    name = path.partition("?")[2].partition("=")[0]
    assert (status, problem["detail"].startswith(f"{name}")) == (400, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 1e-300),
        ("daily_calls", 10**30),
        ("daily_calls", 2**63),
        ("daily_bytes", 10**400),
        ("daily_compute_ms", 1e300),
        ("concurrent", 10**30),
    ],
)
async def test_limits_have_bounds(world: World, name: str, value: float) -> None:
    status, problem = await world.ask("PUT", "/limits", {"tenant": "acme", name: value})
    assert status == 400
    assert f"{name} is" in problem["detail"]


@pytest.mark.parametrize(
    "wanted",
    [{"lifetime": 1e308}, {"lifetime": 1e-9}, {"roles": [f"role-{n}" for n in range(65)]}],
    ids=["for ever", "for a moment", "roles"],
)
async def test_a_keys_life_and_roles_have_bounds(world: World, wanted: dict[str, object]) -> None:
    assert (await world.ask("POST", "/keys", {"name": "ci", **wanted}))[0] == 400


async def test_what_is_too_long_to_name_a_skill_is_not_remembered(world: World) -> None:
    known = decide.cache_info().currsize
    for method, path in (("POST", "/skills/{}"), ("GET", "/sessions/{}/s1")):
        status, problem = await world.ask(method, path.format("x" * 5000), {}, key=ACME)
        assert (status, len(problem["detail"]) < 200) == (404, True)
    assert decide.cache_info().currsize == known


async def test_a_wait_is_bounded_over_grpc(world: World) -> None:
    async with aio.insecure_channel(world.grpc) as channel:
        asked = tasks_pb2.WaitTaskRequest(id=(await _task(channel)).id)
        asked.timeout.seconds = 2**62
        with pytest.raises(aio.AioRpcError) as raised:
            await TasksStub(channel).Wait(asked, metadata=_who(ACME))
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_payload_and_a_part_of_a_file_are_bounded_over_grpc(world: World) -> None:
    """Whatever the tensors of a model may have."""
    data = bytes(100_000_001)
    submit = tasks_pb2.SubmitRequest(skill="echo")
    submit.payload.data = data
    header = files_pb2.PutFileRequest(header={"key": "large"})
    put = [header, files_pb2.PutFileRequest(chunk=data), files_pb2.PutFileRequest(end={})]
    options = [("grpc.max_send_message_length", -1)]
    async with aio.insecure_channel(world.grpc, options=options) as channel:
        for asked in (
            TasksStub(channel).Submit(submit, metadata=_who(ACME)),
            FilesStub(channel).Put(iter(put), metadata=_who(ACME)),
        ):
            with pytest.raises(aio.AioRpcError, match="100,000,000") as raised:
                await asked
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_two_credentials_are_none_over_grpc(world: World) -> None:
    """Whoever stands in between may have looked at the other one."""
    async with aio.insecure_channel(world.grpc) as channel:
        files = FilesStub(channel)
        await files.List(files_pb2.ListFilesRequest(), metadata=_who(ACME))
        for both in ((ACME, RIVAL), (RIVAL, ACME), (ACME, ACME)):
            with pytest.raises(aio.AioRpcError) as raised:
                await files.List(files_pb2.ListFilesRequest(), metadata=_who(*both))
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def _task(channel: aio.Channel) -> tasks_pb2.Task:
    submit = tasks_pb2.SubmitRequest(skill="echo")
    submit.payload.data = b"{}"
    task: tasks_pb2.Task = await TasksStub(channel).Submit(submit, metadata=_who(ACME))
    return task


def _who(*keys: str) -> tuple[tuple[str, str], ...]:
    return tuple(("authorization", f"Bearer {key}") for key in keys)
