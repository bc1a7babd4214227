"""What a model may be asked to generate, whichever surface it came by. Pure."""

from __future__ import annotations

from catnap.calls.models import Prompt
from catnap.errors import InvalidRequest

MAX_STOPS = 16


def checked(prompt: Prompt) -> Prompt:
    """The same. Raises InvalidRequest, naming the field that is wrong."""
    if bool(prompt.text) == bool(prompt.messages):
        raise InvalidRequest("prompt: give this or messages, one of them")
    if any(not role for role, _ in prompt.messages):
        raise InvalidRequest("messages: each has a role: system, user or assistant")
    if prompt.max_tokens < 0:
        raise InvalidRequest(f"max_tokens: {prompt.max_tokens} are less than none")
    if prompt.temperature is not None and not 0 <= prompt.temperature <= 2:
        raise InvalidRequest(f"temperature: {prompt.temperature:g} is not from 0 to 2")
    if len(prompt.stop) > MAX_STOPS:
        raise InvalidRequest(f"stop: {len(prompt.stop)} are given, the limit is {MAX_STOPS}")
    return prompt
