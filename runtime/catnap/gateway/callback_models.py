"""The models that a skill may ask: what ctx.models is made of, and OpenAI's HTTP
as at the front door, for clients that know no Grant."""

from __future__ import annotations

import msgspec

from catnap.calls.models import Asker, Piece, Prompt
from catnap.errors import to_problem
from catnap.gateway import oip_routes, openai_routes
from catnap.gateway.askers import by_grant
from catnap.gateway.gateway import Gateway
from catnap.gateway.json_body import read_json
from catnap.gateway.parts import Form, in_parts
from catnap.gateway.prompts import checked
from catnap.gateway.table import Route
from catnap.http import Request, Response


class _Embed(msgspec.Struct):
    texts: list[str]


class _Message(msgspec.Struct):
    role: str
    content: str


class _Generate(msgspec.Struct):
    prompt: str = ""
    messages: list[_Message] = []
    max_tokens: int = 0
    temperature: float | None = None
    seed: int | None = None
    stop: list[str] = []


_LINES = Form[Piece](
    ((b"content-type", b"application/x-ndjson"),),
    lambda piece: msgspec.json.encode(piece) + b"\n",
    lambda error: msgspec.json.encode({"error": msgspec.Raw(to_problem(error))}) + b"\n",
    idle=b"\n",
)
"""Each piece as a line of JSON; an error that comes later is the last one."""


async def embed(gateway: Gateway, asker: Asker, request: Request, model: str) -> Response:
    gateway.models.find(asker, model, ability="embed")  # before a body is read for nothing
    asked = read_json(await request.body.read(), _Embed)
    answer = await gateway.models.embed(asker, model, asked.texts)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"catnap-dimensions", b"%d" % answer.dimensions),
        (b"catnap-tokens", b"%d" % sum(answer.tokens)),
    ]
    return Response(200, headers, answer.data)


async def generate(gateway: Gateway, asker: Asker, request: Request, model: str) -> Response:
    gateway.models.find(asker, model, ability="generate")
    asked = read_json(await request.body.read(), _Generate)
    prompt = Prompt(
        asked.prompt,
        tuple((each.role, each.content) for each in asked.messages),
        asked.max_tokens,
        asked.temperature,
        asked.seed,
        tuple(asked.stop),
    )
    pieces = gateway.models.generate(asker, model, checked(prompt))
    return await in_parts(pieces, _LINES)


ROUTES = (
    Route("POST", "/callback/models/{model}/embed", "models.use", by_grant(embed)),
    Route("POST", "/callback/models/{model}/generate", "models.use", by_grant(generate)),
    Route("POST", "/callback/models/{model}/infer", "models.use", by_grant(oip_routes.infer)),
    *openai_routes.CALLBACKS,
)
