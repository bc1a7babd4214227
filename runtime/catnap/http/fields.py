"""Header fields as bytes, and what must not get into them."""

from __future__ import annotations

from collections.abc import Sequence

from catnap.errors import InvalidRequest

Fields = Sequence[tuple[bytes, bytes]]

# Of these a second one makes a message ambiguous: two readers could take
# different ones. Every other field of the same name is a list.
_SINGLE = frozenset(
    (b"authorization", b"content-type", b"expect", b"host", b"idempotency-key", b"traceparent")
)


class _Names(dict[bytes, bytes]):
    """Names in lower case by what was sent: one object for each, which a dict
    finds without a look at its bytes."""

    def __missing__(self, sent: bytes) -> bytes:
        name = sent.lower()
        if len(sent) <= _LONGEST_NAME:
            if len(self) == _MOST_NAMES:
                self.clear()
            self[sent] = name = self.get(name, name)
        return name


_MOST_NAMES = 1024
_LONGEST_NAME = 64
NAMES = _Names()


def joined(fields: Fields, *, strict: bool = False) -> dict[bytes, bytes]:
    """Values by name, those of a repeated field as the list that they are.
    strict: raises InvalidRequest for a second one of what a message may have
    once only."""
    headers: dict[bytes, bytes] = {}
    for name, value in fields:
        known = headers.get(name)
        if known is not None and strict and _is_single(name):
            raise InvalidRequest(f"header {name.decode('latin-1')!r}: is there twice")
        headers[name] = value if known is None else known + b", " + value
    return headers


def _is_single(name: bytes) -> bool:
    return name in _SINGLE or name.startswith((b"ce-", b"catnap-"))


def write_fields(fields: Fields) -> bytes:
    """The lines of a head. Raises InvalidRequest where a name or a value
    would begin a line of its own."""
    block = b"\r\n".join([*map(b": ".join, fields), b""])
    if len(block.translate(None, b"\r\n\0")) != len(block) - 2 * len(fields):
        for name, value in fields:
            if any(byte in name + value for byte in b"\r\n\0"):
                raise InvalidRequest(f"header {name!r}: a line break or NUL cannot be sent")
    return block


def read_fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """What `write_fields` has written."""
    cut = [line.partition(b": ") for line in block.split(b"\r\n")[:-1]]
    return [(name, value) for name, _, value in cut]
