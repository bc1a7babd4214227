"""Which bytes of an object are asked for. Source: RFC 9110, section 14."""

from __future__ import annotations

import re
from dataclasses import dataclass

from catnap.errors import InvalidRequest
from catnap.http.errors import RangeNotSatisfiable

_BYTES = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})\Z", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """`length` bytes from `offset` on; without a length, to the end.

    A negative offset counts from the end and takes no length. What reaches
    past the end is cut there. Raises InvalidRequest for what is no span.
    """

    offset: int = 0
    length: int | None = None

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise InvalidRequest(f"length {self.length}: ask for 1 byte or more")
        if self.offset < 0 and self.length is not None:
            raise InvalidRequest(
                f"offset {self.offset} counts from the end, and so takes no length: leave it out"
            )

    def within(self, size: int) -> tuple[int, int]:
        """Where it begins and ends (exclusive) in so many bytes.

        Raises RangeNotSatisfiable where it begins past the end. An empty
        object has one span: what begins at its beginning.
        """
        start = max(0, size + self.offset) if self.offset < 0 else self.offset
        if start > max(0, size - 1):
            raise RangeNotSatisfiable(f"offset {start:,}: there are {size:,} bytes", size)
        stop = size if self.length is None else min(size, start + self.length)
        return start, stop

    def __str__(self) -> str:
        """As HTTP says it."""
        if self.offset < 0:
            return f"bytes={self.offset}"
        last = "" if self.length is None else self.offset + self.length - 1
        return f"bytes={self.offset}-{last}"


WHOLE = Span()


def parse_range(header: str) -> Span:
    """The span of a `Range` header. WHOLE for what HTTP lets a server ignore:
    another unit, several ranges at once, and what is no range."""
    found = _BYTES.match(header.strip())
    if found is None or found[0].endswith("=-"):
        return WHOLE
    first, last = found[1], found[2]
    if not first:
        # The last 0 bytes begin past the end, wherever that is.
        return Span(-int(last)) if int(last) else Span(2**63)
    if not last:
        return Span(int(first))
    return Span(int(first), int(last) - int(first) + 1) if int(last) >= int(first) else WHOLE
