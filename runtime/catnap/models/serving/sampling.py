"""How a text is to be generated, as a request's `sampling_parameters` say."""

from __future__ import annotations

from typing import Annotated

import msgspec

from catnap.errors import InvalidRequest

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
_Degree = Annotated[float, msgspec.Meta(ge=0, le=100)]

STOPS = 16
"""Texts that may stop a generation."""


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """max_tokens: None for as many as the model's context has room for.
    temperature: 0 takes the likeliest token always; None is the model's own, and
    so of top_p and top_k. stop: what ends the text, and is no more of it."""

    max_tokens: _Positive | None = None
    temperature: _Degree | None = None
    top_p: _Share | None = None
    top_k: _Positive | None = None
    seed: int | None = None
    stop: str | list[str] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        found = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(each for each in found if each)


def parse(text: str) -> Sampling:
    """Of JSON; empty for the model's own. Raises InvalidRequest."""
    try:
        found = msgspec.json.decode(text or "{}", type=Sampling)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"input 'sampling_parameters': {error}") from None
    if len(found.stops) > STOPS:
        raise InvalidRequest(f"input 'sampling_parameters': at most {STOPS} texts in stop")
    return found
