"""What a request of OpenAI's HTTP has to be before a server is asked: some call
it a fault of their own where a field is of another type. Pure.

Source: https://platform.openai.com/docs/api-reference/chat/create; a field that
is not named here is its server's concern.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Known(msgspec.Struct):
    """Of every request."""

    model: str = ""
    stream: bool | None = None


class Written(Known):
    """Of those that text is written for."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


class Chat(Written, kw_only=True):
    messages: list[dict[str, msgspec.Raw]]


class Completion(Written):
    prompt: str | list[Any] | None = None
