"""Generation of text, as servers are asked for it and as they answer. Pure.

OpenAI's are asked for completions or chats by parts. Those of tensors are asked
as Triton's vLLM backend is: `text_input`, `stream` and `sampling_parameters`
in, `text_output` out; ours say how it ended in the parameters of the last part.
Sources: https://platform.openai.com/docs/api-reference, and the README of
https://github.com/triton-inference-server/vllm_backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from catnap.errors import SkillCrashed
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.text_tensors import packed
from catnap.models.verdict import Fault, UpstreamError, of_grpc, of_http

CHARACTERS = 4
"""Of a prompt that are a token, as a rule."""

EXPECTED = 256
"""Tokens that are produced where nobody says how many there may be."""

MOST = 1 << 17
"""Tokens that a request is believed to produce: who says more says that its model
decides, and others do not wait, or go elsewhere, for what nobody will write."""

_PREFIX = 1024
"""Characters by which prompts are held to begin alike."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """messages: a chat of (role, content), in place of text. max_tokens: 0 for
    the model's own limit. temperature: 0 is greedy, None for the model's own."""

    text: str = ""
    messages: tuple[tuple[str, str], ...] = ()
    max_tokens: int = 0
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        return len(self.text) + sum(len(content) for _, content in self.messages)

    @property
    def cost(self) -> float:
        """Tokens that it is expected to take."""
        return self.characters / CHARACTERS + expected(self.max_tokens)

    @property
    def beginning(self) -> str:
        """The same for prompts that begin alike: a server still knows the one
        when the other comes."""
        return alike(self.text or "".join(content for _, content in self.messages[:2]))


@dataclass(frozen=True, slots=True)
class Piece:
    """The next part of the text. finish_reason: of the last one, such as `stop`
    or `length`. tokens: as far as the server has told."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


def expected(limit: int) -> int:
    """Tokens that a request is held to take. limit: that it says, 0 for none; what
    is less than none earns nobody a turn."""
    return min(limit, MOST) if limit > 0 else EXPECTED


def alike(text: str) -> str:
    """The same for texts that begin alike."""
    return blake2b(text[:_PREFIX].encode(errors="replace"), digest_size=8).hexdigest()


def openai_request(model: str, prompt: Prompt) -> tuple[str, bytes]:
    """The path and the body."""
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.max_tokens:
        body["max_tokens"] = prompt.max_tokens
    body |= _sampling(prompt)
    if not prompt.messages:
        return "/v1/completions", msgspec.json.encode(body | {"prompt": prompt.text})
    body["messages"] = [{"role": role, "content": text} for role, text in prompt.messages]
    return "/v1/chat/completions", msgspec.json.encode(body)


class _Delta(msgspec.Struct):
    content: str | None = None


class _Part(msgspec.Struct):
    text: str | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """What a server of OpenAI's says that it read and wrote."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Part] = []
    usage: Usage | None = None
    error: Any = None


def openai_piece(model: str, data: bytes) -> Piece:
    """Of an event's data. Raises UpstreamError for one that says what went
    wrong, and for what is none."""
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamError(Fault.EITHER, _strange(model)) from None
    if chunk.error is not None:
        said = chunk.error.get("message") if isinstance(chunk.error, Mapping) else chunk.error
        raise of_http(model, 500, str(said)[:2000])
    usage = chunk.usage or Usage()
    part = chunk.choices[0] if chunk.choices else _Part()
    text = part.text or (part.delta and part.delta.content) or ""
    return Piece(text, part.finish_reason or "", usage.prompt_tokens, usage.completion_tokens)


def oip_request(model: str, version: str, prompt: Prompt) -> bytes:
    """A ModelInferRequest's bytes."""
    request = oip.ModelInferRequest(model_name=model, model_version=version)
    sampling = _sampling(prompt)
    if prompt.max_tokens:
        sampling["max_tokens"] = prompt.max_tokens
    for name, datatype, raw in (
        ("text_input", "BYTES", packed([prompt.text.encode()])),
        ("stream", "BOOL", b"\x01"),
        ("sampling_parameters", "BYTES", packed([msgspec.json.encode(sampling)])),
    ):
        request.inputs.add(name=name, datatype=datatype, shape=[1])
        request.raw_input_contents.append(raw)
    return request.SerializeToString()


def oip_piece(model: str, raw: bytes) -> Piece:
    """Of a ModelStreamInferResponse. Raises UpstreamError likewise."""
    try:
        answer = oip.ModelStreamInferResponse.FromString(raw)
    except DecodeError:
        raise UpstreamError(Fault.EITHER, _strange(model)) from None
    if answer.error_message:
        raise of_grpc(model, "INTERNAL", answer.error_message)
    return of_response(answer.infer_response)


def of_response(response: oip.ModelInferResponse) -> Piece:
    """A part, or the whole of a text that comes at once."""
    text = ""
    for output, data in zip(response.outputs, response.raw_output_contents, strict=False):
        if output.name == "text_output":
            text = data[4:].decode(errors="replace")
    said = response.parameters
    final = said["triton_final_response"].bool_param if "triton_final_response" in said else False
    return Piece(
        text,
        said["finish_reason"].string_param if "finish_reason" in said else "stop" * final,
        said["prompt_tokens"].int64_param if "prompt_tokens" in said else 0,
        said["completion_tokens"].int64_param if "completion_tokens" in said else 0,
    )


def _sampling(prompt: Prompt) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if prompt.temperature is not None:
        found["temperature"] = prompt.temperature
    if prompt.seed is not None:
        found["seed"] = prompt.seed
    if prompt.stop:
        found["stop"] = list(prompt.stop)
    return found


def _strange(model: str) -> SkillCrashed:
    return SkillCrashed(f"model {model!r}: its server gave an answer that cannot be read")
