"""What a request to a model took, and who is told of it when it has ended."""

from __future__ import annotations

from typing import Protocol

import msgspec

from catnap.models.settings import Prices

_MILLION = 1e6
_MOST = 1 << 31
"""Tokens of one request: more are not believed, however a server has counted."""


class Spent(msgspec.Struct, frozen=True):
    """tokens: that the model read and wrote. milliseconds: that servers were at
    work on it, all tries together. bytes_in, bytes_out: of what was asked and
    what was answered, as far as it came. tries: how often it was sent to a
    server."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    milliseconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    tries: int = 0

    def believed(self) -> Spent:
        """Without numbers that cannot be: they would fill up somebody's budget
        again, or be more than a store can count."""
        return msgspec.structs.replace(
            self,
            prompt_tokens=min(max(0, self.prompt_tokens), _MOST),
            completion_tokens=min(max(0, self.completion_tokens), _MOST),
        )

    def cost(self, prices: Prices) -> float:
        """In the currency of the prices."""
        return (
            self.prompt_tokens * prices.prompt_tokens
            + self.completion_tokens * prices.completion_tokens
            + self.milliseconds * prices.milliseconds
        ) / _MILLION


class Finished(msgspec.Struct, frozen=True):
    """A request to a model there is, however it ended.

    who: tenant, user and skill that asked; no skill where an agent core did.
    model: its name in models.toml, not an alias. version: that answered, empty
    where the model has one only. outcome: `ok` or the error's name, `Cancelled` of
    whoever left. waited: seconds that it was at no server.
    """

    who: tuple[str, str, str]
    model: str
    version: str
    prices: Prices
    spent: Spent
    outcome: str
    waited: float


class Account(Protocol):
    def ended(self, request: Finished) -> None:
        """Told once of each request."""


class Uncounted:
    """Nobody is told."""

    def ended(self, request: Finished) -> None:
        """Nothing."""
