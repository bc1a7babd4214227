"""Small real servers of models, that do as a test tells them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import grpc
from grpc import aio

from catnap.inference import grpc_service_pb2 as oip

Context = aio.ServicerContext[bytes, bytes]
Behaviour = Literal["well", "hung", "reset", "garbage", "busy", "failing", "another's"]


@dataclass
class OipUpstream:
    """A server of the Open Inference Protocol that gives the first input back as
    `same`. behaves: how, from the next request on. asked: what came, by method.
    left: requests whose caller left. held: where set, requests wait for it."""

    address: str = ""
    behaves: Behaviour = "well"
    delay: float = 0.0
    held: asyncio.Event | None = None
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    left: int = 0
    parts: int = 3
    """Pieces of a text that is generated."""
    piece: str = "word"
    """What each of them begins with."""
    _server: aio.Server | None = None

    async def start(self, address: str = "127.0.0.1:0") -> None:
        unary = grpc.unary_unary_rpc_method_handler
        handlers: dict[str, Any] = {
            "ModelInfer": unary(self._infer),
            "ModelReady": unary(self._ready),
            "ModelMetadata": unary(self._about),
            "ServerLive": unary(self._live),
            "ServerReady": unary(self._live),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._stream),
        }
        service = "inference.GRPCInferenceService"
        self._server = aio.server(options=[("grpc.max_receive_message_length", 1 << 28)])
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, handlers),)
        )
        port = self._server.add_insecure_port(address)
        await self._server.start()
        self.address = f"127.0.0.1:{port}"

    async def stop(self) -> None:
        """At once, as one that is killed; it can start again at its address."""
        if self._server:
            await self._server.stop(None)
            self._server = None

    @property
    def stopped(self) -> bool:
        return self._server is None

    async def _infer(self, raw: bytes, context: Context) -> bytes:
        await self._begin("ModelInfer", raw, context)
        return self.answer(raw)

    def answer(self, raw: bytes) -> bytes:
        """The answer to a request, as it behaves."""
        if self.behaves == "garbage":
            return b"\xff no message"
        asked = oip.ModelInferRequest.FromString(raw)
        found = oip.ModelInferResponse(
            model_name=asked.model_name, model_version=asked.model_version, id=asked.id
        )
        if self.behaves == "another's":
            found.id = "another"
        for tensor in asked.inputs[:1]:
            found.outputs.add(name="same", datatype=tensor.datatype, shape=tensor.shape)
            if not asked.raw_input_contents:
                found.outputs[0].contents.CopyFrom(tensor.contents)
        found.raw_output_contents.extend(asked.raw_input_contents[:1])
        return found.SerializeToString()

    async def _begin(self, method: str, raw: bytes, context: Context) -> None:
        self.asked.append((method, raw))
        said = context.invocation_metadata() or ()
        self.metadata.append({name: str(value) for name, value in said})
        try:
            if self.held:
                await self.held.wait()
            if self.behaves == "hung":
                await asyncio.Event().wait()
            if self.delay:
                await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.left += 1
            raise
        if self.behaves == "busy":
            trailers = (("grpc-retry-pushback-ms", "1500"),)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room", trailers)
        if self.behaves == "failing":
            await context.abort(grpc.StatusCode.INTERNAL, "out of memory")
        if self.behaves == "reset":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")

    async def _stream(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        async for raw in requests:
            await self._begin("ModelStreamInfer", raw, context)
            for answer in self._answers(raw):
                yield answer

    def _answers(self, raw: bytes) -> list[bytes]:
        if self.behaves == "garbage":
            return [self.answer(raw)]
        asked = oip.ModelInferRequest.FromString(raw)
        if [each.name for each in asked.inputs[:1]] != ["text_input"]:
            answer = oip.ModelInferResponse.FromString(self.answer(raw))
            return [oip.ModelStreamInferResponse(infer_response=answer).SerializeToString()]
        return [
            self._piece(asked, number, last=number == self.parts - 1)
            for number in range(self.parts)
        ]

    def _piece(self, asked: oip.ModelInferRequest, number: int, *, last: bool) -> bytes:
        found = oip.ModelInferResponse(model_name=asked.model_name, id=asked.id)
        found.outputs.add(name="text_output", datatype="BYTES", shape=[1])
        text = f"{self.piece}{number} ".encode()
        found.raw_output_contents.append(len(text).to_bytes(4, "little") + text)
        if last:
            found.parameters["triton_final_response"].bool_param = True
            found.parameters["finish_reason"].string_param = "length"
            found.parameters["prompt_tokens"].int64_param = 5
            found.parameters["completion_tokens"].int64_param = self.parts
        return oip.ModelStreamInferResponse(infer_response=found).SerializeToString()

    async def _ready(self, raw: bytes, context: Context) -> bytes:
        return oip.ModelReadyResponse(ready=self.behaves == "well").SerializeToString()

    async def _live(self, raw: bytes, context: Context) -> bytes:
        return oip.ServerLiveResponse(live=True).SerializeToString()

    async def _about(self, raw: bytes, context: Context) -> bytes:
        self.asked.append(("ModelMetadata", raw))
        asked = oip.ModelMetadataRequest.FromString(raw)
        found = oip.ModelMetadataResponse(name=asked.name, versions=["1"], platform="same")
        return found.SerializeToString()


@asynccontextmanager
async def oip_upstreams(count: int = 1) -> AsyncIterator[list[OipUpstream]]:
    """So many of them, on loopback."""
    servers = [OipUpstream() for _ in range(count)]
    try:
        for server in servers:
            await server.start()
        yield servers
    finally:
        for server in servers:
            await server.stop()


Answering = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]


@dataclass
class OpenAIUpstream:
    """A server of OpenAI's HTTP, that answers in words: `word0 word1 ...`. behaves:
    as of OipUpstream; `cut` ends a stream before its end. asked: paths, headers
    and bodies that came. left: requests whose connection was closed at work."""

    address: str = ""
    behaves: Behaviour | Literal["cut"] = "well"
    words: int = 3
    held: asyncio.Event | None = None
    usage: bool = True
    """Whether it knows of stream_options."""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    left: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def at_work(self) -> int:
        return len(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = first.split()[1]
        asked = json.loads(body) if body else {}
        self.asked.append((path, headers, asked))
        working = asyncio.create_task(self._answer(path, asked, writer))
        gone = asyncio.create_task(reader.read(1))
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        gone.cancel()
        ended, _ = await asyncio.gather(working, gone, return_exceptions=True)
        if isinstance(ended, ConnectionError | asyncio.CancelledError):
            self.left += 1

    async def _answer(self, path: str, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if self.held:
            await self.held.wait()
        match self.behaves:
            case "hung":
                await asyncio.Event().wait()
            case "reset":
                writer.transport.abort()
                return
            case "garbage":
                _write(writer, 200, b"<html>no JSON</html>")
                return
            case "busy":
                _write(writer, 429, b'{"error":{"message":"no room"}}', "retry-after: 2\r\n")
                return
            case "failing":
                _write(writer, 500, b'{"error":{"message":"out of memory"}}')
                return
        if asked.get("stream"):
            await self._stream(path, asked, writer)
        else:
            _write(writer, 200, json.dumps(self._whole(path, asked)).encode())
        await writer.drain()

    def _whole(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/embeddings"):
            texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            data = [
                {"object": "embedding", "index": place, "embedding": [float(len(text)), 1.0]}
                for place, text in enumerate(texts)
            ]
            usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
            return {"object": "list", "data": data, "model": asked["model"], "usage": usage}
        text = " ".join(f"word{number}" for number in range(self.words))
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if "chat" in path:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        return {
            "id": "c-1",
            "object": "chat.completion" if "chat" in path else "text_completion",
            "created": 1,
            "model": asked["model"],
            "choices": [choice],
            "usage": self._usage(),
        }

    def _usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": 5,
            "completion_tokens": self.words,
            "total_tokens": 5 + self.words,
        }

    async def _stream(self, path: str, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        kind = "chat.completion.chunk" if "chat" in path else "text_completion"
        usage_too = self.usage and (asked.get("stream_options") or {}).get("include_usage")
        for number in range(self.words):
            text, reason = f"word{number} ", "stop" if number == self.words - 1 else None
            choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
            if "chat" in path:
                choice["delta"] = {"content": text}
            else:
                choice["text"] = text
            part = {"id": "c-1", "object": kind, "model": asked["model"], "choices": [choice]}
            await _event(writer, json.dumps(part | ({"usage": None} if usage_too else {})))
            if self.behaves == "cut" and number == 0:
                writer.transport.abort()
                return
        if usage_too:
            last = {"id": "c-1", "object": kind, "model": asked["model"], "choices": []}
            await _event(writer, json.dumps(last | {"usage": self._usage()}))
        await _event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")


async def _event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
    await writer.drain()


def _write(writer: asyncio.StreamWriter, status: int, body: bytes, headers: str = "") -> None:
    writer.write(
        f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode()
        + body
    )


@asynccontextmanager
async def openai_upstreams(count: int = 1) -> AsyncIterator[list[OpenAIUpstream]]:
    """So many of them, on loopback."""
    servers = [OpenAIUpstream() for _ in range(count)]
    try:
        for server in servers:
            await server.start()
        yield servers
    finally:
        for server in servers:
            await server.stop()


_ids = itertools.count(1)


def tensor_request(model: str, data: bytes = b"\1\2\3\4", name: str = "x") -> bytes:
    """A ModelInferRequest of one tensor of bytes, with an id of its own."""
    request = oip.ModelInferRequest(model_name=model, id=f"r{next(_ids)}")
    request.inputs.add(name=name, datatype="UINT8", shape=[len(data)])
    request.raw_input_contents.append(data)
    return request.SerializeToString()
