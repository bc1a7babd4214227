"""Server-sent events as they come, in pieces of any size. Pure: bytes in, the
events' data out.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. Of what
an event may have, generation servers use the data alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from catnap.errors import PayloadTooLarge

LONGEST = 16 << 20
"""Bytes of the largest event."""

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Events:
    """One stream of them."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = bytearray()
        """The line that has not ended yet."""
        self._searched = 0
        """So much of it has no end in it."""
        self._data: list[bytes] = []
        self._size = 0
        self._began = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that ends here. Raises PayloadTooLarge."""
        self._rest += piece
        start = 0
        while (end := _LINE_END.search(self._rest, max(start, self._searched))) is not None:
            if end.end() == len(self._rest) and end[0] == b"\r":
                break  # the \n that belongs to it may be in the next piece
            found = self._line(bytes(self._rest[start : end.start()]))
            start = end.end()
            if found is not None:
                yield found
        del self._rest[:start]
        self._searched = max(0, len(self._rest) - 1)
        if len(self._rest) + self._size > self._longest:
            raise PayloadTooLarge(f"an event of a stream has more than {self._longest:,} bytes")

    def _line(self, line: bytes) -> bytes | None:
        """The data of the event that this line ends."""
        if not self._began:
            self._began = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._size += len(value) + 1
        return None


def event(data: bytes) -> bytes:
    """One event, as it is written, whatever lines its data has."""
    return b"data: %b\n\n" % b"\ndata: ".join(data.splitlines())
