"""Embeddings of models that have tensors, in the form of OpenAI's HTTP.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Any, Literal

import msgspec

from catnap.calls.models import Embedded
from catnap.errors import InvalidRequest
from catnap.gateway.json_body import read_json


class Asked(msgspec.Struct):
    input: Any
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


def read(body: bytes, model: str, dimensions: int) -> tuple[list[str], Asked]:
    """The texts, and how they are asked for. Raises InvalidRequest."""
    asked = read_json(body, Asked)
    if asked.dimensions not in (None, dimensions):
        raise InvalidRequest(
            f"dimensions: model {model!r} gives {dimensions} and no others, "
            f"{asked.dimensions} are asked for"
        )
    given = [asked.input] if isinstance(asked.input, str) else asked.input
    if not isinstance(given, list) or not given:
        raise InvalidRequest("input: has to be a text, or a list of texts with one at least")
    if not all(isinstance(each, str) for each in given):
        raise InvalidRequest(f"input: model {model!r} reads texts, and no lists of tokens")
    return given, asked


def write(found: Embedded, texts: int, asked: Asked) -> bytes:
    tokens, size = sum(found.tokens), found.dimensions * 4
    rows = (found.data[place * size : (place + 1) * size] for place in range(texts))
    form = _base64 if asked.encoding_format == "base64" else _floats
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": place, "embedding": form(row)}
                for place, row in enumerate(rows)
            ],
            "model": found.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _base64(row: bytes) -> str:
    return b64encode(row).decode()


def _floats(row: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(row) // 4}f", row))
