"""The Open Inference Protocol: inference.GRPCInferenceService."""

from __future__ import annotations

from catnap.access import Principal, acting_for
from catnap.calls.models import infer
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_door import answers
from catnap.gateway.status import Context
from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceServicer


class GRPCInferenceService(GRPCInferenceServiceServicer):
    """Passes requests on to the server that has the model."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def ServerLive(  # noqa: N802
        self, caller: Principal, request: oip.ServerLiveRequest, context: Context
    ) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    @answers
    async def ServerReady(  # noqa: N802
        self, caller: Principal, request: oip.ServerReadyRequest, context: Context
    ) -> oip.ServerReadyResponse:
        states = [await entry.server.ready(entry.name) for entry in self.gateway.models]
        return oip.ServerReadyResponse(ready=all(states))

    @answers
    async def ServerMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        return oip.ServerMetadataResponse(name="catnap")

    @answers
    async def ModelReady(  # noqa: N802
        self, caller: Principal, request: oip.ModelReadyRequest, context: Context
    ) -> oip.ModelReadyResponse:
        entry = self.gateway.models.get(request.name)
        return oip.ModelReadyResponse(ready=await entry.server.ready(entry.name))

    @answers
    async def ModelMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        entry = self.gateway.models.get(request.name)
        return await entry.server.metadata(request, context.time_remaining())

    @answers
    async def ModelInfer(  # noqa: N802
        self, caller: Principal, request: oip.ModelInferRequest, context: Context
    ) -> oip.ModelInferResponse:
        entry = self.gateway.models.get(request.model_name)
        limits = self.gateway.pipeline.limits
        who = (caller.tenant, acting_for(caller, ""), "")
        return await infer(limits, who, entry, request, context.time_remaining())
