"""catnap.v1.Models."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from catnap.access import Principal
from catnap.calls.models import Piece, Prompt
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import asker, tell_timings
from catnap.gateway.grpc_door import answers
from catnap.gateway.grpc_writes import Writer
from catnap.gateway.prompts import checked
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
        asking = asker(caller, context)
        answer = await self.gateway.models.embed(asking, request.model, request.texts)
        tell_timings(asking, context)
        return models_pb2.EmbedResponse(
            model=answer.model,
            dimensions=answer.dimensions,
            vectors=answer.data,
            tokens=answer.tokens,
        )

    @answers
    async def Generate(  # type: ignore[override]  # noqa: N802 - it writes its parts itself
        self, caller: Principal, request: models_pb2.GenerateRequest, context: Context
    ) -> None:
        asking = asker(caller, context)
        pieces = self.gateway.models.generate(asking, request.model, checked(_prompt(request)))
        writer = Writer(context)
        async with aclosing(pieces):
            async for piece in pieces:
                chunk = _chunk(piece)
                await writer.write(chunk, chunk.ByteSize())
        tell_timings(asking, context)

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        models, who = self.gateway.models, asker(caller, context)
        seen = list(models.visible(caller.tenant))
        ready = await asyncio.gather(*(models.ready(who, name) for name, _ in seen))
        return models_pb2.ListModelsResponse(
            models=[
                models_pb2.Model(
                    name=name,
                    version=model.version,
                    abilities=model.abilities,
                    dimensions=model.dimensions,
                    max_tokens=model.max_tokens,
                    ready=is_ready,
                )
                for (name, model), is_ready in zip(seen, ready, strict=True)
            ]
        )


def _prompt(request: models_pb2.GenerateRequest) -> Prompt:
    return Prompt(
        request.prompt,
        tuple((each.role, each.content) for each in request.messages),
        request.max_tokens,
        request.temperature if request.HasField("temperature") else None,
        request.seed if request.HasField("seed") else None,
        tuple(request.stop),
    )


def _chunk(piece: Piece) -> models_pb2.GenerateChunk:
    if not piece.finish_reason:
        return models_pb2.GenerateChunk(text=piece.text)
    usage = models_pb2.Usage(
        prompt_tokens=piece.prompt_tokens, completion_tokens=piece.completion_tokens
    )
    return models_pb2.GenerateChunk(text=piece.text, finish_reason=piece.finish_reason, usage=usage)
