"""The fake gateway's models, but for its vectors: functions that a test gives."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills.models import Piece

if TYPE_CHECKING:
    from catnap.skills.tensors import Tensor

Asked = Mapping[str, Any]
"""What ctx.models.generate was asked for: prompt, messages, max_tokens and so on."""

Generate = Callable[[Asked], Iterable[str] | Awaitable[Iterable[str]]]
Infer = Callable[[str, Mapping[str, "Tensor"]], "Iterable[Tensor] | Awaitable[Iterable[Tensor]]"]


def repeat(asked: Asked) -> Sequence[str]:
    """The prompt, or a chat's last message, word by word."""
    said = asked["prompt"] or asked["messages"][-1]["content"]
    return [f"{word} " for word in said.split()]


async def generated(generate: Generate, body: bytes) -> bytes:
    """The answer to ctx.models.generate."""
    made = generate(msgspec.json.decode(body))
    texts = list(await made if inspect.isawaitable(made) else made)
    pieces = [*(Piece(text) for text in texts), Piece("", "stop", 0, len(texts))]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in pieces)


async def inferred(
    infer: Infer | None, model: str, headers: Mapping[bytes, bytes], body: bytes
) -> tuple[dict[bytes, bytes], bytes]:
    """The answer to ctx.models.infer: headers and body."""
    from catnap.skills import tensors

    if infer is None:
        raise InvalidRequest(f"model {model!r}: give the FakeGateway an infer= that answers for it")
    given = {each.name: each for each in tensors.apart(headers, body, "inputs")}
    made = infer(model, given)
    found = list(await made if inspect.isawaitable(made) else made)
    written, data = tensors.together("outputs", found)
    return dict(written), data
