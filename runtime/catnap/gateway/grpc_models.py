"""catnap.v1.Models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn

from catnap.access import Principal
from catnap.errors import InvalidRequest
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import asker
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
        answer = await self.gateway.models.embed(
            asker(caller, context), request.model, request.texts
        )
        return models_pb2.EmbedResponse(
            model=answer.model,
            dimensions=answer.dimensions,
            vectors=answer.data,
            tokens=answer.tokens,
        )

    @streams
    async def Generate(  # noqa: N802
        self, caller: Principal, request: models_pb2.GenerateRequest, context: Context
    ) -> AsyncIterator[models_pb2.GenerateChunk]:
        found = self.gateway.models.find(asker(caller, context), request.model)
        _cannot_generate(found.served.name)
        yield  # an async generator, whatever it does

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        models, who = self.gateway.models, asker(caller, context)
        return models_pb2.ListModelsResponse(
            models=[
                models_pb2.Model(
                    name=name,
                    version=model.version,
                    abilities=model.abilities,
                    dimensions=model.dimensions,
                    max_tokens=model.max_tokens,
                    ready=await models.ready(who, name),
                )
                for name, model in models.visible(caller.tenant)
            ]
        )


def _cannot_generate(model: str) -> NoReturn:
    raise InvalidRequest(
        f"model {model!r} does not generate text; Models.List says what each model can do"
    )
