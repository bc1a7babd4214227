"""A gateway in front of model servers of both protocols, asked over HTTP."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catnap.access import Key
from catnap.http import Reply
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Model
from catnap.models.sse import Events
from tests.gateway import local
from tests.gateway.local import ACME
from tests.gateway.world import World, running
from tests.models.upstreams import OipUpstream, OpenAIUpstream, oip_upstreams, openai_upstreams

VIEWER = "viewer-key-0123456789"
KEYS = (*local.KEYS, Key.of(VIEWER, name="viewer", roles=("viewer",), tenant="acme"))


class Embedder(OipUpstream):
    """Gives a text's length and its words for its vector."""

    def answer(self, raw: bytes) -> bytes:
        asked = oip.ModelInferRequest.FromString(raw)
        texts, at = list[bytes](), 0
        data = asked.raw_input_contents[0]
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            texts.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        vectors = [float(each) for text in texts for each in (len(text), len(text.split()))]
        tokens = [len(text.split()) for text in texts]
        found = oip.ModelInferResponse(model_name=asked.model_name)
        found.outputs.add(name="embedding", datatype="FP32", shape=[len(texts), 2])
        found.outputs.add(name="tokens", datatype="INT32", shape=[len(texts)])
        found.raw_output_contents.append(struct.pack(f"<{len(vectors)}f", *vectors))
        found.raw_output_contents.append(struct.pack(f"<{len(tokens)}i", *tokens))
        return found.SerializeToString()


@dataclass
class Asking:
    """openai: of `writer` (and its alias `default`), that writes and embeds.
    tensors: of `poet`, that writes, and `same`, whose answer is what it was given.
    embedder: of `lengths`. `rivals` is for another tenant alone."""

    world: World
    openai: OpenAIUpstream
    tensors: OipUpstream
    embedder: Embedder

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        return await self.world.ask("POST", path, body, **headers)

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.world.ask("GET", path)

    async def events(self, path: str, body: Any) -> list[Any]:
        """The data of each event, read as JSON but for [DONE]."""
        answer = await self.world.request("POST", path, json.dumps(body).encode())
        assert answer.headers[b"content-type"].startswith(b"text/event-stream")
        found = [data.decode() for data in Events().feed(answer.body)]
        return [data if data == "[DONE]" else json.loads(data) for data in found]

    async def open(self, path: str, body: Any) -> Reply:
        """An answer that is read, or left, by whoever asked."""
        return await self.world.client.request(
            self.world.where,
            "POST",
            path,
            [(b"authorization", f"Bearer {self.world.key}".encode())],
            json.dumps(body).encode(),
        )

    def fresh(self) -> Asking:
        """As at first, whatever another test did: no server is known to fail."""
        self.world.key = ACME
        self.world.gateway.leaving = False
        for server in (self.openai, self.tensors, self.embedder):
            server.behaves, server.held, server.left = "well", None, 0
            server.asked.clear()
        self.openai.words = 3
        registry = self.world.gateway.models.registry
        registry.change({})
        registry.change(self._models())
        return self

    def _models(self) -> dict[str, Model]:
        openai, tensors, embedder = (
            (each.address,) for each in (self.openai, self.tensors, self.embedder)
        )
        return {
            "org/writer": Model(
                servers=openai,
                protocol="openai",
                abilities=("generate", "embed"),
                at_servers="llama-8b",
                aliases=("default",),
            ),
            "poet": Model(servers=tensors, abilities=("generate",)),
            "same": Model(servers=tensors, at_servers="theirs"),
            "lengths": Model(servers=embedder, abilities=("embed",), dimensions=2),
            "rivals": Model(servers=tensors, tenants=("rival",)),
        }


@asynccontextmanager
async def asking(folder: Path, *skills: Path) -> AsyncIterator[Asking]:
    (folder / "functions").mkdir(exist_ok=True)
    embedder = Embedder()
    await embedder.start()
    try:
        async with (
            openai_upstreams() as [openai],
            oip_upstreams() as [tensors],
            running(folder, *skills, keys=KEYS) as world,
        ):
            yield Asking(world, openai, tensors, embedder)
    finally:
        await embedder.stop()
