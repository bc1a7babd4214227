"""A call whose answer has begun."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catnap.services.platform import Delivery
from catnap.services.timings import said


class Made(msgspec.Struct, eq=False):
    """result: the whole answer, once read. streamed: it is passed on as it comes."""

    delivered: Delivery
    result: bytes = b""
    streamed: bool = False
    _timings: dict[str, float] | None = None

    @property
    def instance(self) -> str:
        return self.delivered.instance

    @property
    def content_type(self) -> str:
        return self.delivered.reply.headers.get(b"content-type", b"").decode("latin-1")

    def timings(self) -> Mapping[str, float]:
        """Milliseconds by part: ours, and those the instance measured. A call
        queues here and there."""
        if self._timings is None:
            found = self._timings = dict(self.delivered.timings)
            for name, milliseconds in said(self.delivered.reply.headers).items():
                before = found.get(name, 0.0) if name == "queue" else 0.0
                found[name] = before + milliseconds
        return self._timings
