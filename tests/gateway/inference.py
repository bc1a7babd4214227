"""A gateway in front of model servers, asked by the Open Inference Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from grpc import aio

from catnap.gateway.gateway import Gateway
from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.settings import Model
from catnap.v1 import models_pb2
from catnap.v1.models_pb2_grpc import ModelsStub
from tests.gateway.local import ACME
from tests.gateway.world import running

_OPTIONS = [
    ("grpc.max_receive_message_length", 256 << 20),
    ("grpc.max_send_message_length", 256 << 20),
]


class Asking:
    """A gateway's gRPC, asked with one key."""

    def __init__(self, gateway: Gateway, channel: aio.Channel, key: str) -> None:
        self.gateway = gateway
        self._channel = channel
        self._stub = GRPCInferenceServiceStub(channel)
        self._key = ("authorization", f"Bearer {key}")

    def by(self, key: str) -> Asking:
        return Asking(self.gateway, self._channel, key)

    async def ask(self, method: str, request: Any, **metadata: str) -> Any:
        """A method with one answer. metadata: by name, `_` for `-`."""
        said = [self._key, *((name.replace("_", "-"), v) for name, v in metadata.items())]
        return await getattr(self._stub, method)(request, metadata=said)

    def infer(
        self, request: bytes, *metadata: tuple[str, str], **how: Any
    ) -> aio.UnaryUnaryCall[bytes, bytes]:
        """With bytes both ways."""
        call = self._channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        return call(request, metadata=[self._key, *metadata], **how)

    def stream(self) -> Any:
        return self._stub.ModelStreamInfer(metadata=[self._key])

    def generate(self, model: str) -> Any:
        """By catnap.v1.Models."""
        asked = models_pb2.GenerateRequest(model=model, prompt="a")
        return ModelsStub(self._channel).Generate(asked, metadata=[self._key])


@asynccontextmanager
async def asking(folder: Path, models: dict[str, Model]) -> AsyncIterator[Asking]:
    """By ACME's key."""
    (folder / "functions").mkdir()
    async with running(folder) as world:
        world.gateway.models.registry.change(models)
        async with aio.insecure_channel(world.grpc, options=_OPTIONS) as channel:
            yield Asking(world.gateway, channel, ACME)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


def tensor(data: bytes = b"\x01\x02\x03\x04", model: str = "m", id: str = "") -> Any:  # noqa: A002
    """A request of one tensor of bytes."""
    asked = oip.ModelInferRequest(model_name=model, id=id)
    asked.inputs.add(name="data", datatype="UINT8", shape=[len(data)])
    asked.raw_input_contents.append(data)
    return asked
