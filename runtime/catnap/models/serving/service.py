"""The Open Inference Protocol's service with Triton's extensions, over the models
of this process."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib import metadata
from typing import Any, NoReturn, TypeVar

import grpc

from catnap.errors import CatnapError, InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import parse
from catnap.models.serving import describe, stream
from catnap.models.serving.repository import Repository

SERVICE = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]

RAW = frozenset({"ModelInfer", "ModelStreamInfer"})
"""Methods that are given the bytes of their requests, and give those of answers."""

EXTENSIONS = ("model_configuration", "model_repository", "parameters", "statistics")

Context = grpc.aio.ServicerContext[Any, Any]
A = TypeVar("A")
S = TypeVar("S")


def _answers(
    method: Callable[[S, A, Context], Awaitable[Any]],
) -> Callable[[S, A, Context], Awaitable[Any]]:
    """Errors of ours end the call with their row of the table, and when to come back."""

    @functools.wraps(method)
    async def answer(self: S, request: A, context: Context) -> Any:
        try:
            return await method(self, request, context)
        except CatnapError as error:
            await _abort(context, error)

    return answer


class InferenceService:
    """Methods by the protocol's names; those of RAW in bytes."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @_answers
    async def ModelInfer(self, raw: bytes, context: Context) -> bytes:  # noqa: N802 - as below
        request = parse(raw)
        message = request.message
        version, served = self._repository.find(message.model_name, message.model_version)
        return await served.infer(request, version, context.time_remaining())

    async def ModelStreamInfer(  # noqa: N802
        self, requests: AsyncIterator[bytes], context: Context
    ) -> None:
        await stream.relay(self._repository, requests, context.write, context.time_remaining())

    async def ServerLive(  # noqa: N802
        self, request: oip.ServerLiveRequest, context: Context
    ) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: oip.ServerReadyRequest, context: Context
    ) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=True)

    async def ServerMetadata(  # noqa: N802
        self, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        version = metadata.version("catnap-functions")
        return oip.ServerMetadataResponse(name="catnap", version=version, extensions=EXTENSIONS)

    async def ModelReady(  # noqa: N802
        self, request: oip.ModelReadyRequest, context: Context
    ) -> oip.ModelReadyResponse:
        try:
            self._repository.find(request.name, request.version)
        except CatnapError:
            return oip.ModelReadyResponse(ready=False)
        return oip.ModelReadyResponse(ready=True)

    @_answers
    async def ModelMetadata(  # noqa: N802
        self, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        _, served = self._repository.find(request.name, request.version)
        versions = self._repository.versions(request.name)
        return describe.metadata(request.name, versions, served.about)

    @_answers
    async def ModelConfig(  # noqa: N802
        self, request: oip.ModelConfigRequest, context: Context
    ) -> oip.ModelConfigResponse:
        _, served = self._repository.find(request.name, request.version)
        return oip.ModelConfigResponse(config=describe.config(request.name, served.about))

    @_answers
    async def ModelStatistics(  # noqa: N802
        self, request: oip.ModelStatisticsRequest, context: Context
    ) -> oip.ModelStatisticsResponse:
        if request.name:
            self._repository.find(request.name, request.version)
        rows = [
            (each.name, each.version)
            for each in self._repository
            if each.version
            and request.name in ("", each.name)
            and request.version in ("", each.version)
        ]
        return oip.ModelStatisticsResponse(
            model_stats=[
                describe.statistics(*row, self._repository.find(*row)[1].statistics) for row in rows
            ]
        )

    async def RepositoryIndex(  # noqa: N802
        self, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        return oip.RepositoryIndexResponse(
            models=[
                oip.RepositoryIndexResponse.ModelIndex(
                    name=each.name, version=each.version, state=each.state, reason=each.reason
                )
                for each in self._repository
                if each.state == "READY" or not request.ready
            ]
        )

    @_answers
    async def RepositoryModelLoad(  # noqa: N802
        self, request: oip.RepositoryModelLoadRequest, context: Context
    ) -> oip.RepositoryModelLoadResponse:
        _check_parameters(request.parameters, ())
        # KServe's message has the name in the first field.
        name = request.model_name or request.repository_name
        await self._repository.load(name)
        return oip.RepositoryModelLoadResponse(model_name=name, is_loaded=True)

    @_answers
    async def RepositoryModelUnload(  # noqa: N802
        self, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        _check_parameters(request.parameters, ("unload_dependents",))
        name = request.model_name or request.repository_name
        await self._repository.unload(name)
        return oip.RepositoryModelUnloadResponse(model_name=name, is_unloaded=True)


def _check_parameters(given: Mapping[str, object], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise InvalidRequest(
                f"parameter {name!r}: a model is loaded from its folder, as models.toml says"
            )


async def _abort(context: Context, error: CatnapError) -> NoReturn:
    trailers: tuple[tuple[str, str], ...] = ()
    if error.retry_after is not None:
        trailers = (("grpc-retry-pushback-ms", str(round(error.retry_after * 1000))),)
    await context.abort(grpc.StatusCode[error.grpc], error.message, trailers)
