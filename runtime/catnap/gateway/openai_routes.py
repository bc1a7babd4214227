"""OpenAI's HTTP, for the keys of callers and for the Grants of skills.

Models whose servers speak it are asked as they are; of those that have tensors,
embeddings and completions.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from catnap.calls.ids import new_id
from catnap.calls.models import Asker
from catnap.errors import InvalidRequest, NotFound
from catnap.gateway import openai_embeddings, openai_requests
from catnap.gateway.askers import Answers, by_grant, by_key, names
from catnap.gateway.gateway import Gateway
from catnap.gateway.json_body import read_json
from catnap.gateway.openai_completions import Completion
from catnap.gateway.openai_errors import ModelNotFound, encode
from catnap.gateway.parts import Form, in_parts
from catnap.gateway.table import Handler, Route
from catnap.http import Request, Response
from catnap.models.openai_server import DONE
from catnap.models.registry import AnyServed
from catnap.models.settings import Ability
from catnap.models.sse import event

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"

EVENTS = Form[bytes](
    (
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    ),
    event,
    lambda error: event(encode(error)),
    event(DONE),
    b": still at work\n\n",
)
"""Of an answer in parts: each is the data of an event."""


async def chat(gateway: Gateway, asker: Asker, request: Request) -> Response:
    body = await request.body.read()
    known = read_json(body, openai_requests.Chat)
    served = _served(gateway, asker, known.model, "generate")
    if served.model.protocol == "oip" and "generate" in served.model.abilities:
        raise InvalidRequest(
            f"messages: model {served.name!r} goes on with a text as it is, and has no form for "
            f"a chat: ask it at {COMPLETIONS}"
        )
    return await _passed_on(gateway, asker, CHAT, body, known)


async def complete(gateway: Gateway, asker: Asker, request: Request) -> Response:
    body = await request.body.read()
    known = read_json(body, openai_requests.Completion)
    served = _served(gateway, asker, known.model, "generate")
    if served.model.protocol == "openai":
        return await _passed_on(gateway, asker, COMPLETIONS, body, known)
    made = Completion.read(body, served.name, new_id(), time.time())
    pieces = gateway.models.generate(asker, known.model, made.prompt)
    if known.stream:
        return await in_parts(made.parts(pieces), EVENTS)
    return Response.json(await made.whole(pieces))


async def embed(gateway: Gateway, asker: Asker, request: Request) -> Response:
    body = await request.body.read()
    known = read_json(body, openai_requests.Known)
    served = _served(gateway, asker, known.model, "embed")
    if served.model.protocol == "openai":
        return Response.json(await gateway.models.complete(asker, EMBEDDINGS, body))
    texts, asked = openai_embeddings.read(body, served.name, served.model.dimensions)
    found = await gateway.models.embed(asker, known.model, texts)
    return Response.json(openai_embeddings.write(found, len(texts), asked))


async def list_(gateway: Gateway, asker: Asker, request: Request) -> Response:
    found = [_described(name) for name in names(gateway.models, asker)]
    return Response.json(msgspec.json.encode({"object": "list", "data": found}))


async def look(gateway: Gateway, asker: Asker, request: Request, model: str) -> Response:
    found = _served(gateway, asker, model, "infer")
    return Response.json(msgspec.json.encode(_described(found.name)))


def _described(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "catnap"}


def _served(gateway: Gateway, asker: Asker, model: str, ability: Ability) -> AnyServed:
    try:
        return gateway.models.find(asker, model, ability=ability).served
    except NotFound as error:
        raise ModelNotFound(error.message) from None


async def _passed_on(
    gateway: Gateway, asker: Asker, path: str, body: bytes, known: openai_requests.Known
) -> Response:
    if known.stream:
        return await in_parts(gateway.models.stream(asker, path, body), EVENTS)
    return Response.json(await gateway.models.complete(asker, path, body))


def _routes(below: str, handler: Callable[[Answers], Handler]) -> tuple[Route, ...]:
    return (
        Route("POST", below + CHAT, "models.use", handler(chat)),
        Route("POST", below + COMPLETIONS, "models.use", handler(complete)),
        Route("POST", below + EMBEDDINGS, "models.use", handler(embed)),
        Route("GET", below + "/v1/models", "models.use", handler(list_)),
        Route("GET", below + "/v1/models/{model...}", "models.use", handler(look)),
    )


ROUTES = _routes("", by_key)
CALLBACKS = _routes("/callback", by_grant)
