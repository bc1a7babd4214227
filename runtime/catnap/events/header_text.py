"""Attribute values as the text of HTTP headers, and back.

Source: CloudEvents HTTP Protocol Binding 1.0.2, section 3.1.3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from catnap.errors import InvalidRequest
from catnap.events.attributes import check_text, refuse
from catnap.events.event import Event
from catnap.events.limits import MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES

# What stands for itself. The values of an event nearly always do: they are
# looked at in one go, parted by the space, which does not.
_PLAIN = bytes(set(range(0x21, 0x7F)) - set(b'"%'))
_ESCAPED = re.compile(rb'[^!-~]|["%]')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")


def write(values: Mapping[str, str]) -> list[bytes]:
    """Each attribute's value as header text. Raises InvalidRequest, naming
    the attribute, for a character that none may hold."""
    joined = " ".join(values.values())
    if joined.isascii():
        plain = joined.encode()
        if len(escaped(plain)) == len(values) - 1:
            return plain.split(b" ")
    for name, value in values.items():
        check_text(name, value)
    return [quote(value) for value in values.values()]


def quote(value: str) -> bytes:
    """One value as header text: space, `"`, `%` and all that is not printable
    ASCII percent-encoded."""
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], value.encode())


def escaped(text: bytes) -> bytes:
    """What in it does not stand for itself."""
    return text.translate(None, _PLAIN)


def read(names: Sequence[str], texts: Sequence[bytes]) -> list[str]:
    """The values that header text stands for, in its order. Raises
    InvalidRequest, naming the attribute, for text that breaks a rule and for a
    value that none may have."""
    joined = b" ".join(texts)
    if len(escaped(joined)) == len(texts) - 1:
        return joined.decode().split(" ")
    pairs = zip(names, texts, strict=True)
    return [_unquote(name, text.strip(b" \t")) for name, text in pairs]


def check_size(event: Event) -> None:
    """Raises InvalidRequest, naming the limit, for an event with more or
    longer attributes than can be delivered."""
    values = event.attributes()
    if len(values) > MAX_ATTRIBUTES:
        raise InvalidRequest(
            f"the CloudEvent has {len(values)} attributes: at most {MAX_ATTRIBUTES} are taken"
        )
    joined = "".join(values.values())
    if 3 * len(joined) <= MAX_ATTRIBUTE_BYTES and joined.isascii() and joined.isprintable():
        return  # as headers they are at most three times as long
    # No header is shorter than its value: what is too long already is not written.
    texts = write(values) if len(joined) <= MAX_ATTRIBUTE_BYTES else values.values()
    sizes = {name: len(text) for name, text in zip(values, texts, strict=True)}
    size = sum(sizes.values())
    if size > MAX_ATTRIBUTE_BYTES:
        refuse(
            max(sizes, key=sizes.__getitem__),
            f"too long with the others: {size:,} bytes or more as HTTP headers; "
            f"at most {MAX_ATTRIBUTE_BYTES:,} are taken",
        )


def _unquote(name: str, text: bytes) -> str:
    if not text.isascii():
        refuse(name, "is not ASCII: in a header all else is percent-encoded UTF-8")
    if b'"' in text:
        # Older versions of the binding quote a value that has spaces in it.
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            refuse(name, "holds a double quote: in a header it is written %22")
        text = _PAIR.sub(rb"\1", quoted[1])
    if b"%" in text:
        text = _PERCENT.sub(lambda found: _byte(name, found[1]), text)
    try:
        value = text.decode()
    except UnicodeDecodeError:
        refuse(name, "not valid UTF-8 when it is percent-decoded")
    check_text(name, value)
    return value


def _byte(name: str, digits: bytes | None) -> bytes:
    if digits is None:
        refuse(name, "'%' needs two hexadecimal digits after it; in a header it is written %25")
    return bytes((int(digits, 16),))
