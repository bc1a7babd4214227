"""The Open Inference Protocol: inference.GRPCInferenceService."""

from __future__ import annotations

from catnap.access import Principal
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import asker
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
        return oip.ServerReadyResponse(ready=True)

    @answers
    async def ServerMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        return oip.ServerMetadataResponse(name="catnap")

    @answers
    async def ModelReady(  # noqa: N802
        self, caller: Principal, request: oip.ModelReadyRequest, context: Context
    ) -> oip.ModelReadyResponse:
        ready = await self.gateway.models.ready(asker(caller, context), request.name)
        return oip.ModelReadyResponse(ready=ready)

    @answers
    async def ModelMetadata(  # noqa: N802
        self, caller: Principal, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        def make(name: str, version: str) -> bytes:
            return oip.ModelMetadataRequest(name=name, version=version).SerializeToString()

        who = asker(caller, context)
        said = await self.gateway.models.tell(
            who, "ModelMetadata", request.name, request.version, make
        )
        return oip.ModelMetadataResponse.FromString(said)

    @answers
    async def ModelInfer(  # noqa: N802
        self, caller: Principal, request: oip.ModelInferRequest, context: Context
    ) -> oip.ModelInferResponse:
        raw = await self.gateway.models.infer(asker(caller, context), request.SerializeToString())
        return oip.ModelInferResponse.FromString(raw)
