"""The rules each context attribute must keep, and the errors that name it.

Source: CloudEvents 1.0.2, sections 2 and 3.1.
"""

from __future__ import annotations

import re

from catnap.errors import InvalidRequest
from catnap.events.uris import is_absolute, is_reference

MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 8 * 1024

_NAME = re.compile(r"[a-z0-9]{1,64}\Z")
_TIMESTAMP = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)\Z",
    re.ASCII,
)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}( *;[ -~]*)?\Z")
# Control characters, and code points that are no characters at all.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def check_name(name: str) -> None:
    """Extension names are lower-case letters and digits; `data` is taken."""
    if not _NAME.match(name) or name == "data":
        raise InvalidRequest(
            f"CloudEvent attribute name {name!r}: use 1 to 64 lower-case letters and digits"
        )


def forbidden(text: str) -> str:
    """The first character in it that no attribute may hold; empty if none."""
    found = _FORBIDDEN.search(text)
    return found[0] if found else ""


def check(name: str, value: str) -> None:
    """Raises InvalidRequest, naming the attribute, where a value breaks a rule."""
    if (
        len(value) > MAX_ATTRIBUTE_BYTES
        or len(value.encode(errors="replace")) > MAX_ATTRIBUTE_BYTES
    ):
        raise InvalidRequest(
            f"CloudEvent attribute {name!r}: longer than {MAX_ATTRIBUTE_BYTES} bytes"
        )
    if forbidden(value):
        raise InvalidRequest(
            f"CloudEvent attribute {name!r}: holds a character that is not allowed"
        )
    if name == "time":
        _require(_is_timestamp(value), name, value, "an RFC 3339 timestamp")
    elif name == "source":
        _require(value and is_reference(value), name, value, "a non-empty URI reference")
    elif name == "dataschema":
        _require(is_absolute(value), name, value, "an absolute URI")
    elif name == "datacontenttype":
        _require(_MEDIA_TYPE.match(value), name, value, "a media type such as application/json")
    elif name in ("id", "type", "subject"):
        _require(value, name, value, "a non-empty string")


def _is_timestamp(value: str) -> bool:
    match = _TIMESTAMP.match(value)
    return match is not None and int(match[3]) <= _days(int(match[1]), int(match[2]))


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _require(kept: object, name: str, value: str, rule: str) -> None:
    if not kept:
        shown = value if len(value) <= 80 else value[:77] + "..."
        raise InvalidRequest(f"CloudEvent attribute {name!r}: {shown!r} is not {rule}")
