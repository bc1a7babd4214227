"""The fake gateway's models: functions that a test gives."""

from __future__ import annotations

import inspect
import sys
from array import array
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills.models import Piece

if TYPE_CHECKING:
    from catnap.skills.tensors import Tensor

Vectors = Sequence[Sequence[float]]
Embed = Callable[[Sequence[str]], Vectors | Awaitable[Vectors]]

Asked = Mapping[str, Any]
"""What ctx.models.generate was asked for: prompt, messages, max_tokens and so on."""

Generate = Callable[[Asked], Iterable[str] | Awaitable[Iterable[str]]]
Infer = Callable[[str, Mapping[str, "Tensor"]], "Iterable[Tensor] | Awaitable[Iterable[Tensor]]"]


MAX_TEXTS = 4096


async def embedded(embed: Embed, body: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The answer to ctx.models.embed: headers and body."""
    texts = msgspec.json.decode(body, type=dict[str, list[str]])["texts"]
    if not 0 < len(texts) <= MAX_TEXTS:
        raise InvalidRequest(f"{len(texts)} texts; one request takes 1 to {MAX_TEXTS:,}")
    made = embed(texts)
    rows = await made if inspect.isawaitable(made) else made
    flat = array("f", [value for row in rows for value in row])
    if sys.byteorder == "big":
        flat.byteswap()
    headers = {b"catnap-dimensions": b"%d" % len(rows[0]), b"catnap-tokens": b"0"}
    return headers, flat.tobytes()


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
