"""ctx.models: the models that all skills share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import msgspec

from catnap.errors import InvalidRequest, from_problem
from catnap.skills.gateway import Gateway
from catnap.skills.quoting import quote

if TYPE_CHECKING:
    from catnap.skills.tensors import Tensor

_JSON = [(b"content-type", b"application/json")]

MESSAGE = 256 << 20
"""Bytes of the largest answer in tensors."""


class Embeddings(msgspec.Struct, frozen=True):
    """Vectors of one request, in the order of its texts.

    `data` holds len(texts) * dimensions little-endian 32-bit floats.
    """

    dimensions: int
    data: bytes

    def __len__(self) -> int:
        return len(self.data) // (4 * self.dimensions) if self.dimensions else 0

    def matrix(self) -> memoryview[float]:
        """The vectors as a (texts, dimensions) buffer of floats, without a
        copy; numpy.asarray takes it as it is. Needs one text at least."""
        return memoryview(self.data).cast("f", (len(self), self.dimensions))


class Piece(msgspec.Struct, frozen=True):
    """The next part of a text. The last one has a finish_reason, such as `stop`
    or `length`, and how many tokens were read and written."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class OpenAI(TypedDict):
    """What a client of the `openai` package is made with."""

    base_url: str
    api_key: str


class _Line(Piece, frozen=True):
    error: msgspec.Raw = msgspec.Raw()


class Models:
    """Asks the gateway; a skill carries no model. Each model must be allowed by
    the skill's manifest, under `[models]`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def embed(self, texts: Sequence[str], model: str = "minilm-l6-v2") -> Embeddings:
        """Vectors for up to 4,096 texts. A text is cut at the model's length."""
        answer = await self._gateway.request(
            "POST",
            f"/callback/models/{quote(model)}/embed",
            _JSON,
            msgspec.json.encode({"texts": texts}),
        )
        data = await answer.read()
        return Embeddings(int(answer.headers[b"catnap-dimensions"]), data)

    async def generate(
        self,
        prompt: str = "",
        *,
        model: str,
        messages: Sequence[Mapping[str, str]] = (),
        max_tokens: int = 0,
        temperature: float | None = None,
        seed: int | None = None,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Piece, None]:
        """Text, as it is produced: `async for piece in ctx.models.generate(...)`.

        prompt: what the model goes on with, as it is. messages: or a chat that
        it answers, of {"role":, "content":}, where its server takes chats.
        max_tokens: to produce at most; 0 for the model's own limit. temperature:
        0 is greedy, None the model's own. stop: the text ends before any of
        these. Who leaves the loop ends the work at the server.
        """
        if isinstance(stop, str):
            raise InvalidRequest("stop: give a list of texts, not one text")
        asked = {
            "prompt": prompt,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
            "stop": stop,
        }
        path = f"/callback/models/{quote(model)}/generate"
        answer = await self._gateway.request("POST", path, _JSON, msgspec.json.encode(asked))
        try:
            rest = b""
            async for part in answer.body:
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if line:
                        yield _piece(line)
        finally:
            answer.close()

    async def infer(
        self, model: str, inputs: Sequence[Tensor], *, outputs: Sequence[str] = ()
    ) -> dict[str, Tensor]:
        """What a model makes of tensors, by name. outputs: the names of those
        that are wanted; empty for all. `Tensor` is in `catnap.skills.tensors`.
        Raises InvalidRequest, which names the tensor that is wrong."""
        from catnap.skills import tensors  # few skills have any

        headers, body = tensors.write(inputs, outputs)
        path = f"/callback/models/{quote(model)}/infer"
        answer = await self._gateway.request("POST", path, headers, body)
        found = tensors.apart(answer.headers, await answer.read(MESSAGE), "outputs")
        return {each.name: each for each in found}

    @property
    def openai(self) -> OpenAI:
        """For the `openai` package, as it is: `AsyncOpenAI(**ctx.models.openai)`.

        Make the client within the call: it holds the call's Grant, so keep it out
        of logs. Raises Unavailable where the platform is not reached over TCP.
        """
        url, grant = self._gateway.access
        return {"base_url": f"{url}/v1", "api_key": grant}


def _piece(line: bytes) -> Piece:
    said = msgspec.json.decode(line, type=_Line)
    if bytes(said.error):
        raise from_problem(500, bytes(said.error))
    return Piece(said.text, said.finish_reason, said.prompt_tokens, said.completion_tokens)
