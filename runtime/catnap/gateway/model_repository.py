"""The models as a repository: which there are, and that their servers load them.

Two protocols ask for it with messages of the same names: of Triton's, field 2 is
the model, and of KServe's, field 1. Source:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

from google.protobuf.message import DecodeError

from catnap.access import Principal, asking, effective_roles
from catnap.calls.models import Asker, ModelCalls
from catnap.errors import InvalidRequest, PermissionDenied, SkillCrashed
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import OipServer
from catnap.models.registry import Served, speaks_oip
from catnap.models.settings import Model
from catnap.models.verdict import UpstreamError

TRITON, KSERVE = "model_repository", "model_repository_extension"
"""Extensions by which a server says whose messages it takes."""

LOAD = 300.0
"""Seconds that a server may take to load a model, where nobody says less."""

_ASK = 5.0
"""Seconds that it may take to say which protocol it speaks."""

Method = Literal["RepositoryModelLoad", "RepositoryModelUnload"]
Parameters = Mapping[str, oip.ModelRepositoryParameter]
Asked: TypeAlias = oip.RepositoryModelLoadRequest | oip.RepositoryModelUnloadRequest
Row = oip.RepositoryIndexResponse.ModelIndex

READY, UNAVAILABLE = "READY", "UNAVAILABLE"


async def index(models: ModelCalls, asker: Asker) -> list[Row]:
    """Each version of each model that the tenant may ask, and whether it can be
    asked now."""
    found = [
        (name, version)
        for name, model in models.visible(asker.who[0])
        for version in (model.version, *([model.canary.version] if model.canary else []))
    ]
    ready = await asyncio.gather(*(models.ready(asker, *each) for each in found))
    return [_row(*each, state) for each, state in zip(found, ready, strict=True)]


def model_of(asked: Asked) -> str:
    """The model's name, whichever protocol it is of. Raises InvalidRequest."""
    name = asked.model_name or asked.repository_name
    if not name:
        raise InvalidRequest("model_name: which model?")
    if asked.model_name and asked.repository_name:
        raise InvalidRequest("repository_name: leave it out: there is one repository")
    return name


async def change(
    models: ModelCalls,
    caller: Principal,
    asker: Asker,
    method: Method,
    name: str,
    parameters: Parameters,
) -> str:
    """Has every server of a model load it, or unload it, that does so for others;
    the model's own name.

    Raises PermissionDenied for a model that other tenants have too, InvalidRequest
    where none of its servers does such a thing, and what one says that could not.
    """
    found = models.find(asker, name)
    own = found.served.name
    asking.detail(f"model {own}")
    _check_own(caller, own, found.served.model)
    there = [each for each in models.registry if speaks_oip(each) and each.name == own]
    told = await asyncio.gather(
        *(
            _tell(server, method, found.served.at_servers, parameters, asker.left)
            for server, _ in servers(there)
        ),
        return_exceptions=True,
    )
    for each in told:
        if isinstance(each, BaseException):
            raise each.error if isinstance(each, UpstreamError) else each
    if not any(told):
        raise InvalidRequest(f"model {own!r}: none of its servers loads models when it is told to")
    return own


def servers(
    there: Iterable[Served[OipServer]],
) -> Iterator[tuple[OipServer, Served[OipServer]]]:
    """Each server once, and a model that it has: that of a canary may be the model's
    own."""
    found = {
        (each.name, at.name): (at.upstream, each) for each in there for at in each.pool.servers
    }
    return iter(found.values())


async def _tell(
    server: OipServer, method: Method, name: str, parameters: Parameters, left: float | None
) -> bool:
    """Whether the server does so at all."""
    # Both methods have the same fields, as they have the same answers.
    asked = oip.RepositoryModelLoadRequest(model_name=name, parameters=parameters)
    try:
        said = oip.ServerMetadataResponse.FromString(await server.ask("ServerMetadata", b"", _ASK))
        if TRITON in said.extensions:
            await server.ask(method, asked.SerializeToString(), left or LOAD)
            return True
        if KSERVE not in said.extensions:
            return False
        asked = oip.RepositoryModelLoadRequest(repository_name=name)
        answer = await server.ask(method, asked.SerializeToString(), left or LOAD)
        done = oip.RepositoryModelLoadResponse.FromString(answer).is_loaded
    except DecodeError:
        raise SkillCrashed(f"server {server.address}: its answer cannot be read") from None
    if not done:
        raise SkillCrashed(f"server {server.address}: it says that it did not")
    return True


def _check_own(caller: Principal, name: str, model: Model) -> None:
    """Whose model it is not alone, may not take it from the others."""
    if set(model.tenants) != {caller.tenant} and "admin" not in effective_roles(caller.roles):
        raise PermissionDenied(
            f"{caller.name} belongs to tenant {caller.tenant!r}, and model {name!r} is not its "
            "alone: it takes role admin"
        )


def _row(name: str, version: str, ready: bool) -> Row:
    if ready:
        return Row(name=name, version=version, state=READY)
    reason = "none of its servers says that it is ready"
    return Row(name=name, version=version, state=UNAVAILABLE, reason=reason)
