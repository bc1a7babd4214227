"""The Open Inference Protocol's service, over one model."""

from __future__ import annotations

from importlib import metadata
from typing import Any, NoReturn

import grpc

from catnap.errors import CatnapError, NotFound
from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceServicer
from catnap.models.serving import tensors
from catnap.models.serving.engine import Engine

VERSION = "1"

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceService(GRPCInferenceServiceServicer):
    """Answers for the model `name` in its one version, which `engine` runs."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    async def ServerLive(  # noqa: N802 - the protocol's name, as below
        self, request: oip.ServerLiveRequest, context: Context
    ) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: oip.ServerReadyRequest, context: Context
    ) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=True)

    async def ModelReady(  # noqa: N802
        self, request: oip.ModelReadyRequest, context: Context
    ) -> oip.ModelReadyResponse:
        return oip.ModelReadyResponse(
            ready=request.name == self._name and request.version in ("", VERSION)
        )

    async def ServerMetadata(  # noqa: N802
        self, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        version = metadata.version("catnap-functions")
        return oip.ServerMetadataResponse(name="catnap", version=version)

    async def ModelMetadata(  # noqa: N802
        self, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        try:
            self._check(request.name, request.version)
        except CatnapError as error:
            await _abort(context, error)
        return oip.ModelMetadataResponse(
            name=self._name,
            versions=[VERSION],
            platform="onnxruntime_onnx",
            inputs=tensors.INPUTS,
            outputs=tensors.OUTPUTS,
        )

    async def ModelInfer(  # noqa: N802
        self, request: oip.ModelInferRequest, context: Context
    ) -> oip.ModelInferResponse:
        try:
            self._check(request.model_name, request.model_version)
            outputs = tensors.read_outputs(request)
            found = await self._engine.embed(tensors.read_texts(request), context.time_remaining())
        except CatnapError as error:
            await _abort(context, error)
        return tensors.write(request, VERSION, outputs, found)

    def _check(self, name: str, version: str) -> None:
        if name != self._name:
            raise NotFound(f"model {name!r}: unknown; there is {self._name}")
        if version not in ("", VERSION):
            raise NotFound(f"model {name!r}: no version {version!r}; there is {VERSION}")


async def _abort(context: Context, error: CatnapError) -> NoReturn:
    """End the call with the error's row of the table, and when to come back."""
    trailers: tuple[tuple[str, str], ...] = ()
    if error.retry_after is not None:
        trailers = (("grpc-retry-pushback-ms", str(round(error.retry_after * 1000))),)
    await context.abort(grpc.StatusCode[error.grpc], error.message, trailers)
