"""A call whose answer has begun."""

from __future__ import annotations

import re
from dataclasses import dataclass

from catnap.services.platform import Delivery

_PART = re.compile(r"([\w!#$%&'*+.^`|~-]+);dur=(\d+(?:\.\d+)?)")
"""A metric of Server-Timing that says how long it took."""


@dataclass(slots=True)
class Made:
    """result: the whole answer, once read."""

    delivered: Delivery
    result: bytes = b""

    @property
    def instance(self) -> str:
        return self.delivered.instance

    @property
    def content_type(self) -> str:
        return self.delivered.reply.headers.get(b"content-type", b"").decode("latin-1")

    def timings(self) -> dict[str, float]:
        """Milliseconds by part: ours, and those the instance measured. A call
        queues here and there."""
        said = self.delivered.reply.headers.get(b"server-timing", b"").decode("latin-1")
        found = dict(self.delivered.timings)
        for name, milliseconds in _PART.findall(said):
            before = found.get(name, 0.0) if name == "queue" else 0.0
            found[name] = before + float(milliseconds)
        return found
