"""What servers say of a model, and that they load it, through the gateway's gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from catnap.access import Key
from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)
from catnap.models.settings import Canary, Model
from tests.gateway.inference import Asking, asking
from tests.gateway.local import ADMIN

Context = aio.ServicerContext[Any, Any]
TRITON, KSERVE = "model_repository", "model_repository_extension"
OPERATOR = "operators-key-0123456789"


class Server(GRPCInferenceServiceServicer):
    """repository: the extension by which it is told to load models, empty for one
    that is not. told: names that it was to load (+) and to unload (-)."""

    address: str

    def __init__(self, repository: str = "", count: int = 0) -> None:
        self.repository = repository
        self.count = count
        self.loaded = True
        self.told: list[str] = []
        self.parameters: dict[str, oip.ModelRepositoryParameter] = {}

    async def ServerMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802 - the protocol's, as below
        return oip.ServerMetadataResponse(name="toy", extensions=["statistics", self.repository])

    async def ModelReady(self, request: Any, context: Context) -> Any:  # noqa: N802
        return oip.ModelReadyResponse(ready=self.loaded)

    async def ModelMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802
        return oip.ModelMetadataResponse(name=request.name, versions=["7"], platform="toy")

    async def ModelConfig(self, request: Any, context: Context) -> Any:  # noqa: N802
        found = oip.ModelConfig(name=request.name, max_batch_size=8)
        found.MergeFromString(_METRIC_TAG)
        return oip.ModelConfigResponse(config=found)

    async def ModelStatistics(self, request: Any, context: Context) -> Any:  # noqa: N802
        stats = oip.ModelStatistics(
            name=request.name,
            version="7",
            last_inference=1000 + self.count,
            inference_count=self.count,
            inference_stats={"success": {"count": self.count, "ns": 10}},
            batch_stats=[{"batch_size": size, "compute_infer": {"count": 1}} for size in (1, 4)],
            response_stats={"0": {"success": {"count": self.count}}},
        )
        return oip.ModelStatisticsResponse(model_stats=[stats])

    async def RepositoryModelLoad(self, request: Any, context: Context) -> Any:  # noqa: N802
        name = await self._name(request, context)
        self.told.append(f"+{name}")
        self.parameters = dict(request.parameters)
        self.loaded = True
        return oip.RepositoryModelLoadResponse(model_name=name, is_loaded=True)

    async def RepositoryModelUnload(self, request: Any, context: Context) -> Any:  # noqa: N802
        name = await self._name(request, context)
        self.told.append(f"-{name}")
        self.loaded = False
        return oip.RepositoryModelUnloadResponse(model_name=name, is_unloaded=True)

    async def _name(self, request: Any, context: Context) -> str:
        """As Triton and KServe have it, each of which takes no other."""
        if self.repository == TRITON and not request.repository_name:
            return str(request.model_name)
        if self.repository == KSERVE and not request.model_name:
            return str(request.repository_name)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "which model?")
        raise AssertionError


_METRIC_TAG = b"\x52\x08\x0a\x01k\x12\x03tag"
"""metric_tags: {"k": "tag"}, a field of Triton's that the proto here leaves out."""


@asynccontextmanager
async def listening(*servers: Server) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for each in servers:
            server = aio.server()
            add_GRPCInferenceServiceServicer_to_server(each, server)
            each.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            await server.start()
            stack.push_async_callback(server.stop, None)
        yield


@pytest.fixture
async def servers() -> AsyncIterator[tuple[Server, ...]]:
    there = Server(TRITON, count=2), Server(KSERVE, count=3), Server()
    async with listening(*there):
        yield there


@pytest.fixture
async def ask(tmp_path: Path, servers: tuple[Server, ...]) -> AsyncIterator[Asking]:
    triton, kserve, neither = (each.address for each in servers)
    models = {
        "all": Model((triton, kserve, neither), at_servers="theirs", aliases=("also",)),
        "own": Model((triton,), tenants=("acme",)),
        "fixed": Model((neither,), tenants=("acme",), version="7", canary=Canary("8", (triton,))),
        "rivals": Model((triton,), tenants=("rival",)),
        "text": Model(("http://127.0.0.1:1",), protocol="openai", tenants=("rival",)),
    }
    async with asking(tmp_path, models) as ask:
        operator = Key.of(OPERATOR, name="op", roles=("operator", "caller"), tenant="acme")
        ask.gateway.keys.change([(operator, None)])
        yield ask


def load(**fields: Any) -> oip.RepositoryModelLoadRequest:
    return oip.RepositoryModelLoadRequest(**fields)


@pytest.mark.parametrize("field", ["model_name", "repository_name"])
async def test_both_forms_of_a_request_reach_both_kinds_of_servers(
    ask: Asking, servers: tuple[Server, ...], field: str
) -> None:
    admin = ask.by(ADMIN)
    off = oip.RepositoryModelUnloadRequest(**{field: "all"})
    answer = await admin.ask("RepositoryModelUnload", off)
    assert (answer.model_name, answer.is_unloaded) == ("all", True)
    answer = await admin.ask("RepositoryModelLoad", load(**{field: "also"}))
    assert (answer.model_name, answer.is_loaded) == ("all", True)
    assert [each.told for each in servers] == [["-theirs", "+theirs"]] * 2 + [[]]


async def test_what_a_model_is_loaded_with_is_passed_on(
    ask: Asking, servers: tuple[Server, ...]
) -> None:
    request = load(model_name="own")
    request.parameters["config"].string_param = "{}"
    request.parameters["file:1/model.onnx"].bytes_param = b"\0\xff"
    await ask.by(OPERATOR).ask("RepositoryModelLoad", request)
    assert servers[0].parameters == dict(request.parameters)


@pytest.mark.parametrize(
    ("key", "request_", "code", "said"),
    [
        (OPERATOR, load(model_name="all"), "PERMISSION_DENIED", "it takes role admin"),
        (OPERATOR, load(model_name="rivals"), "NOT_FOUND", "there is no model 'rivals'"),
        (OPERATOR, load(), "INVALID_ARGUMENT", "which model"),
        (OPERATOR, load(model_name="own", repository_name="r"), "INVALID_ARGUMENT", "leave it out"),
    ],
)
async def test_who_may_not_load_a_model_is_told_why(
    ask: Asking, servers: tuple[Server, ...], key: str, request_: Any, code: str, said: str
) -> None:
    with pytest.raises(aio.AioRpcError, match=said) as refused:
        await ask.by(key).ask("RepositoryModelLoad", request_)
    assert refused.value.code().name == code
    assert [each.told for each in servers] == [[], [], []]


async def test_who_loads_a_model_is_in_the_audit(ask: Asking) -> None:
    await ask.by(OPERATOR).ask("RepositoryModelLoad", load(model_name="own"))
    (row,) = await ask.gateway.audit.newest(["acme"], ["action"], "", ("9999", "", 0))
    record = row.link.read()
    assert (record.action, record.principal) == ("platform.write", "key op")
    assert (record.request, record.detail) == (
        "GRPCInferenceService.RepositoryModelLoad",
        "model own",
    )


async def test_a_model_that_no_server_loads_is_not_said_to_be_loaded(ask: Asking) -> None:
    ask.gateway.models.registry.change({"m": Model(("127.0.0.1:1",), tenants=("acme",))})
    with pytest.raises(aio.AioRpcError) as refused:
        await ask.by(OPERATOR).ask("RepositoryModelLoad", load(model_name="m"))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_servers_that_load_nothing_when_told_are_named_as_such(
    ask: Asking, servers: tuple[Server, ...]
) -> None:
    ask.gateway.models.registry.change({"m": Model((servers[2].address,), tenants=("acme",))})
    with pytest.raises(aio.AioRpcError, match="none of its servers loads") as refused:
        await ask.by(OPERATOR).ask("RepositoryModelLoad", load(model_name="m"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_index_has_what_the_tenant_may_ask_and_whether_it_can_be(
    ask: Asking, servers: tuple[Server, ...]
) -> None:
    servers[2].loaded = False
    index = await ask.ask("RepositoryIndex", oip.RepositoryIndexRequest())
    assert [(each.name, each.version, each.state) for each in index.models] == [
        ("all", "", "READY"),
        ("fixed", "7", "UNAVAILABLE"),
        ("fixed", "8", "READY"),
        ("own", "", "READY"),
    ]
    ready = await ask.ask("RepositoryIndex", oip.RepositoryIndexRequest(ready=True))
    assert [each.name for each in ready.models] == ["all", "fixed", "own"]


async def test_a_model_that_is_not_there_is_not_ready(ask: Asking) -> None:
    for name, version, ready in (("own", "", True), ("rivals", "", False), ("fixed", "9", False)):
        asked = oip.ModelReadyRequest(name=name, version=version)
        assert (await ask.ask("ModelReady", asked)).ready == ready


async def test_metadata_and_configuration_have_the_name_of_here_and_all_that_servers_say(
    ask: Asking,
) -> None:
    found = await ask.ask("ModelMetadata", oip.ModelMetadataRequest(name="own"))
    assert (found.name, found.versions, found.platform) == ("own", ["7"], "toy")
    config = (await ask.ask("ModelConfig", oip.ModelConfigRequest(name="own"))).config
    assert (config.name, config.max_batch_size) == ("own", 8)
    assert _METRIC_TAG in config.SerializeToString()


async def test_the_statistics_of_a_models_servers_are_added_up(ask: Asking) -> None:
    said = await ask.ask("ModelStatistics", oip.ModelStatisticsRequest(name="also"))
    (found,) = said.model_stats
    assert (found.name, found.version) == ("all", "7")
    assert (found.inference_count, found.last_inference) == (5, 1003)
    assert (found.inference_stats.success.count, found.inference_stats.success.ns) == (5, 30)
    batches = [(each.batch_size, each.compute_infer.count) for each in found.batch_stats]
    assert batches == [(1, 3), (4, 3)]
    assert found.response_stats["0"].success.count == 5


async def test_a_server_that_has_two_versions_of_a_model_is_asked_once(
    ask: Asking, servers: tuple[Server, ...]
) -> None:
    here = (servers[0].address,)
    model = Model(here, version="7", canary=Canary("8", here), tenants=("acme",))
    ask.gateway.models.registry.change({"both": model})
    said = await ask.ask("ModelStatistics", oip.ModelStatisticsRequest(name="both"))
    assert [each.inference_count for each in said.model_stats] == [2]
    await ask.by(OPERATOR).ask("RepositoryModelLoad", load(model_name="both"))
    assert servers[0].told == ["+both"]


async def test_statistics_of_no_model_by_name_are_of_all_that_the_tenant_may_ask(
    ask: Asking,
) -> None:
    said = await ask.ask("ModelStatistics", oip.ModelStatisticsRequest())
    found = {each.name: each.inference_count for each in said.model_stats}
    assert found == {"all": 5, "own": 2, "fixed": 2}


async def test_the_gateway_says_what_it_speaks(ask: Asking) -> None:
    found = await ask.ask("ServerMetadata", oip.ServerMetadataRequest())
    assert found.name == "catnap"
    assert {"statistics", TRITON, KSERVE} <= set(found.extensions)
