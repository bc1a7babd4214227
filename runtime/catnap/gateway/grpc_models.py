"""catnap.v1.Models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn

from catnap.access import Principal, acting_for
from catnap.access.limits import Who
from catnap.calls.models import embed
from catnap.errors import InvalidRequest
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_door import answers, streams
from catnap.gateway.status import Context
from catnap.v1 import models_pb2
from catnap.v1.models_pb2_grpc import ModelsServicer


class Models(ModelsServicer):
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def Embed(  # noqa: N802
        self, caller: Principal, request: models_pb2.EmbedRequest, context: Context
    ) -> models_pb2.EmbedResponse:
        entry = self.gateway.models.embedder(request.model)
        left = context.time_remaining()
        limits = self.gateway.pipeline.limits
        answer = await embed(limits, _who(caller), entry, request.texts, left)
        return models_pb2.EmbedResponse(
            model=entry.name,
            dimensions=answer.dimensions,
            vectors=answer.data,
            tokens=answer.tokens,
        )

    @streams
    async def Generate(  # noqa: N802
        self, caller: Principal, request: models_pb2.GenerateRequest, context: Context
    ) -> AsyncIterator[models_pb2.GenerateChunk]:
        entry = self.gateway.models.get(request.model)
        _cannot_generate(entry.name)
        yield  # an async generator, whatever it does

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        return models_pb2.ListModelsResponse(
            models=[
                models_pb2.Model(
                    name=entry.name,
                    version=entry.version,
                    abilities=entry.abilities,
                    dimensions=entry.dimensions,
                    max_tokens=entry.max_tokens,
                    ready=await entry.server.ready(entry.name),
                )
                for entry in self.gateway.models
            ]
        )


def _cannot_generate(model: str) -> NoReturn:
    raise InvalidRequest(
        f"model {model!r} does not generate text; Models.List says what each model can do"
    )


def _who(caller: Principal) -> Who:
    """A model that is asked directly is asked by no skill."""
    return (caller.tenant, acting_for(caller, ""), "")
