"""What the servers of a model say of it, by the name that it has here."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from catnap.calls.models import Asker, ModelCalls
from catnap.errors import SkillCrashed
from catnap.inference import grpc_service_pb2 as oip

M = TypeVar("M", bound=Message)


async def metadata(
    models: ModelCalls, asker: Asker, name: str, version: str
) -> oip.ModelMetadataResponse:
    """The tensors that it takes and gives. Raises what ModelCalls.tell raises."""
    asked, gives = oip.ModelMetadataRequest, oip.ModelMetadataResponse
    found = await _tell(models, asker, "ModelMetadata", name, version, asked, gives)
    found.name = models.find(asker, name).served.name
    return found


async def config(
    models: ModelCalls, asker: Asker, name: str, version: str
) -> oip.ModelConfigResponse:
    """How it is run; fields that this protocol does not have are kept. Raises as
    `metadata` does."""
    asked, gives = oip.ModelConfigRequest, oip.ModelConfigResponse
    found = await _tell(models, asker, "ModelConfig", name, version, asked, gives)
    found.config.name = models.find(asker, name).served.name
    return found


async def _tell(
    models: ModelCalls,
    asker: Asker,
    method: str,
    name: str,
    version: str,
    asked: type[oip.ModelMetadataRequest | oip.ModelConfigRequest],
    gives: type[M],
) -> M:
    def make(name: str, version: str) -> bytes:
        return asked(name=name, version=version).SerializeToString()

    answer = await models.tell(asker, method, name, version, make)
    try:
        return gives.FromString(answer)
    except DecodeError:
        raise SkillCrashed(
            f"model {name!r}: its server's answer to {method} cannot be read"
        ) from None
