"""The Open Inference Protocol over HTTP.

Sources: https://github.com/kserve/open-inference-protocol (REST), and for the
binary data, statistics, configuration and repository, Triton's extensions.
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from catnap.access import Principal
from catnap.calls.models import Asker
from catnap.errors import CatnapError, InvalidRequest, SkillCrashed
from catnap.gateway import (
    compressed,
    model_about,
    model_repository,
    model_statistics,
    oip_answer,
    oip_request,
)
from catnap.gateway.askers import Answers, by_key
from catnap.gateway.gateway import Gateway
from catnap.gateway.json_body import read_json
from catnap.gateway.oip_plain import plain
from catnap.gateway.table import PUBLIC, Route
from catnap.http import Request, Response
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import MESSAGE

_HEADER_LENGTH = b"inference-header-content-length"
_EXTENSIONS = (
    *("binary_tensor_data", "classification", "model_configuration"),
    *("model_repository", "parameters", "statistics"),
)


async def live(gateway: Gateway, caller: Principal, request: Request) -> Response:
    return _truth("live", True)


async def ready(gateway: Gateway, caller: Principal, request: Request) -> Response:
    return _truth("ready", gateway.ready and not gateway.leaving)


async def server(gateway: Gateway, asker: Asker, request: Request) -> Response:
    about = {"name": "catnap", "version": version_of("catnap-functions")}
    return _json(about | {"extensions": _EXTENSIONS})


async def index(gateway: Gateway, asker: Asker, request: Request) -> Response:
    body = await request.body.read()
    asked = read_json(body, _Index) if body else _Index()
    rows = await model_repository.index(gateway.models, asker)
    return _json(
        [plain(each) for each in rows if each.state == model_repository.READY or not asked.ready]
    )


async def model_ready(
    gateway: Gateway, asker: Asker, request: Request, model: str, version: str = ""
) -> Response:
    return _truth("ready", await gateway.models.ready(asker, model, version))


async def metadata(
    gateway: Gateway, asker: Asker, request: Request, model: str, version: str = ""
) -> Response:
    found = await model_about.metadata(gateway.models, asker, model, version)
    return _json(plain(found))


async def config(
    gateway: Gateway, asker: Asker, request: Request, model: str, version: str = ""
) -> Response:
    found = await model_about.config(gateway.models, asker, model, version)
    return _json(plain(found.config))


async def statistics(
    gateway: Gateway, asker: Asker, request: Request, model: str, version: str = ""
) -> Response:
    found = await model_statistics.statistics(gateway.models, asker, model, version)
    return _json({"model_stats": [plain(each) for each in found]})


async def infer(
    gateway: Gateway, asker: Asker, request: Request, model: str, version: str = ""
) -> Response:
    gateway.models.find(asker, model, version)  # before a body is unpacked for nothing
    length = _header_length(request)
    body = await compressed.read(request, MESSAGE)
    if length is not None and length > len(body):
        raise InvalidRequest(
            f"Inference-Header-Content-Length is {length:,}, the body has {len(body):,} bytes"
        )
    message, wanted = oip_request.read(body, length, model, version)
    answer = await gateway.models.infer(asker, message.SerializeToString())
    said, binary = oip_answer.write(_read(answer), wanted)
    if not binary:
        return Response.json(said)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (_HEADER_LENGTH, b"%d" % len(said)),
    ]
    return Response(200, headers, b"".join((said, *binary)))


def refusal(error: CatnapError) -> Response:
    """An error as the protocol writes it."""
    headers = [each for each in Response.error(error).headers if each[0] != b"content-type"]
    body = msgspec.json.encode({"error": error.message})
    return Response(error.http, [(b"content-type", b"application/json"), *headers], body)


class _Index(msgspec.Struct):
    ready: bool = False


def _header_length(request: Request) -> int | None:
    """Of the JSON before the binary data. Raises InvalidRequest."""
    said = request.headers.get(_HEADER_LENGTH)
    if said is None:
        return None
    if not said.isdigit() or len(said) > 12:
        raise InvalidRequest("Inference-Header-Content-Length: is no number of bytes")
    if not int(said):
        raise InvalidRequest(
            "Inference-Header-Content-Length: 0 says that there is no JSON; describe the inputs"
        )
    return int(said)


def _truth(name: str, value: bool) -> Response:
    """The protocol wants 200 or a 4xx; clients that read the body look for this."""
    return Response.json(msgspec.json.encode({name: value}), 200 if value else 400)


def _json(said: Any) -> Response:
    return Response.json(msgspec.json.encode(said))


def _read(said: bytes) -> oip.ModelInferResponse:
    try:
        return oip.ModelInferResponse.FromString(said)
    except DecodeError:
        raise SkillCrashed("the model's server gave an answer that cannot be read") from None


_MODEL = "/v2/models/{model...}"
_VERSION = _MODEL + "/versions/{version}"


def _model_routes() -> tuple[Route, ...]:
    """What fits first is taken, and a model's name may have slashes."""
    asked: tuple[tuple[str, str, Answers], ...] = (
        ("POST", "/infer", infer),
        ("GET", "/ready", model_ready),
        ("GET", "/config", config),
        ("GET", "/stats", statistics),
        ("GET", "", metadata),
    )
    return tuple(
        Route(method, path + end, "models.use", by_key(answers))
        for method, end, answers in asked
        for path in (_VERSION, _MODEL)
    )


ROUTES = (
    Route("GET", "/v2/health/live", PUBLIC, live),
    Route("GET", "/v2/health/ready", PUBLIC, ready),
    Route("GET", "/v2", "models.use", by_key(server)),
    Route("POST", "/v2/repository/index", "models.use", by_key(index)),
    *_model_routes(),
)
