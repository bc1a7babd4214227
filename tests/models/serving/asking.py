"""A server of models in folders, and requests to it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.serving import server
from catnap.models.serving.datatypes import OIP
from catnap.models.serving.kinds import loader
from catnap.models.serving.repository import Repository
from catnap.models.settings import Model

DATATYPES = {
    np.dtype(each.array): name for name, each in OIP.items() if name not in ("BYTES", "BF16")
}


@asynccontextmanager
async def serving(models: Mapping[str, Model]) -> AsyncIterator[GRPCInferenceServiceStub]:
    repository = Repository(lambda: models, loader(Path(), threads=1))
    await repository.start()
    bound, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    running = asyncio.create_task(server.serve("127.0.0.1:0", repository, bound.set_result, stop))
    async with grpc.aio.insecure_channel(await bound) as channel:
        yield GRPCInferenceServiceStub(channel)
    stop.set()
    await running
    await repository.close()


def request(model: str, /, version: str = "", **tensors: np.ndarray) -> oip.ModelInferRequest:
    found = oip.ModelInferRequest(model_name=model, model_version=version)
    for name, array in tensors.items():
        add(found, name, DATATYPES[array.dtype], array.shape, array.tobytes())
    return found


def add(
    asked: oip.ModelInferRequest, name: str, datatype: str, shape: tuple[int, ...], raw: bytes
) -> None:
    asked.inputs.add(name=name, datatype=datatype, shape=shape)
    asked.raw_input_contents.append(raw)


def arrays(answer: oip.ModelInferResponse) -> dict[str, np.ndarray]:
    """The outputs by name; those of BYTES as a flat list."""
    found = {}
    for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        if output.datatype == "BYTES":
            found[output.name] = np.array(unpack(raw), object).reshape(output.shape)
        else:
            dtype = OIP[output.datatype].array
            found[output.name] = np.frombuffer(raw, dtype).reshape(output.shape)
    return found


def pack(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def unpack(raw: bytes) -> list[bytes]:
    found = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return found
