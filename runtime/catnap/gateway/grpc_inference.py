"""inference.GRPCInferenceService: the Open Inference Protocol with Triton's
extensions, in front of the servers that have the models."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from importlib.metadata import version as version_of

from catnap.access import Principal
from catnap.errors import NotFound
from catnap.gateway import model_repository as repository
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import asker, tell_timings
from catnap.gateway.grpc_door import answers
from catnap.gateway.grpc_writes import Writer
from catnap.gateway.model_about import config, metadata
from catnap.gateway.model_statistics import statistics
from catnap.gateway.status import Context
from catnap.inference import grpc_service_pb2 as oip

SERVICE = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]

RAW = frozenset({"ModelInfer", "ModelStreamInfer"})
"""Methods that are given the bytes of their requests, and give those of answers."""

EXTENSIONS = (
    *("model_configuration", "parameters", "statistics"),
    *(repository.TRITON, repository.KSERVE),
)


class GRPCInferenceService:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def ModelInfer(  # noqa: N802 - the protocol's name, as below
        self, caller: Principal, request: bytes, context: Context
    ) -> bytes:
        asking = asker(caller, context)
        answer = await self.gateway.models.infer(asking, request)
        tell_timings(asking, context)
        return answer

    @answers
    async def ModelStreamInfer(  # noqa: N802
        self, caller: Principal, requests: AsyncIterator[bytes], context: Context
    ) -> None:
        writer = Writer(context)

        async def passed_on(answer: bytes) -> None:
            await writer.write(answer, len(answer))

        await self.gateway.models.relay(asker(caller, context), requests, passed_on)

    @answers
    async def ServerLive(  # noqa: N802
        self, caller: Principal, request: oip.ServerLiveRequest, context: Context
    ) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    @answers
    async def ServerReady(  # noqa: N802
        self, caller: Principal, request: oip.ServerReadyRequest, context: Context
    ) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=self.gateway.ready and not self.gateway.leaving)

    @answers
    async def ServerMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        return oip.ServerMetadataResponse(name="catnap", version=_version(), extensions=EXTENSIONS)

    @answers
    async def ModelReady(  # noqa: N802
        self, caller: Principal, request: oip.ModelReadyRequest, context: Context
    ) -> oip.ModelReadyResponse:
        asking = asker(caller, context)
        try:
            ready = await self.gateway.models.ready(asking, request.name, request.version)
        except NotFound:  # the protocol's clients ask until it is there
            ready = False
        return oip.ModelReadyResponse(ready=ready)

    @answers
    async def ModelMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        asking = asker(caller, context)
        return await metadata(self.gateway.models, asking, request.name, request.version)

    @answers
    async def ModelConfig(  # noqa: N802
        self, caller: Principal, request: oip.ModelConfigRequest, context: Context
    ) -> oip.ModelConfigResponse:
        asking = asker(caller, context)
        return await config(self.gateway.models, asking, request.name, request.version)

    @answers
    async def ModelStatistics(  # noqa: N802
        self, caller: Principal, request: oip.ModelStatisticsRequest, context: Context
    ) -> oip.ModelStatisticsResponse:
        found = await statistics(
            self.gateway.models, asker(caller, context), request.name, request.version
        )
        return oip.ModelStatisticsResponse(model_stats=found)

    @answers
    async def RepositoryIndex(  # noqa: N802
        self, caller: Principal, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        rows = await repository.index(self.gateway.models, asker(caller, context))
        if request.ready:
            rows = [each for each in rows if each.state == repository.READY]
        return oip.RepositoryIndexResponse(models=rows)

    @answers
    async def RepositoryModelLoad(  # noqa: N802
        self, caller: Principal, request: oip.RepositoryModelLoadRequest, context: Context
    ) -> oip.RepositoryModelLoadResponse:
        name = await self._change(caller, context, "RepositoryModelLoad", request)
        return oip.RepositoryModelLoadResponse(model_name=name, is_loaded=True)

    @answers
    async def RepositoryModelUnload(  # noqa: N802
        self, caller: Principal, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        name = await self._change(caller, context, "RepositoryModelUnload", request)
        return oip.RepositoryModelUnloadResponse(model_name=name, is_unloaded=True)

    async def _change(
        self,
        caller: Principal,
        context: Context,
        method: repository.Method,
        request: repository.Asked,
    ) -> str:
        name = repository.model_of(request)
        models, asking = self.gateway.models, asker(caller, context)
        return await repository.change(models, caller, asking, method, name, request.parameters)


@functools.cache
def _version() -> str:
    """Of the code that was started, whatever is installed since."""
    return version_of("catnap-functions")
