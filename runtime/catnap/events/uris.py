"""URI references and absolute URIs, as RFC 3986 has them."""

from __future__ import annotations

import re
from functools import lru_cache

_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*+,;="  # and the sub-delims
_PCT = "%[0-9A-Fa-f]{2}"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


def _run(more: str) -> str:
    """Any number of unreserved characters, of these, and of escapes."""
    return rf"(?:[{_UNRESERVED}{more}]++|{_PCT})*+"


_REFERENCE = re.compile(
    # A first segment with a colon in it would be a scheme.
    rf"(?:{_SCHEME.pattern}|(?![^/?#]*:))"
    # Two slashes begin an authority, which goes up to the next delimiter.
    rf"(?://(?:{_run(':')}@)?(?:\[([^\]]*)\]|{_run('')})(?::[0-9]*)?(?![^/?#])|(?!//))"
    rf"{_run(':@/')}(?:\?{_run(':@/?')})?(?:\#{_run(':@/?')})?"
)

_16 = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_32 = rf"(?:{_16}:{_16}|{_OCTET}(?:\.{_OCTET}){{3}})"
_IP_LITERAL = "|".join(
    [
        rf"(?:{_16}:){{6}}{_32}",
        rf"::(?:{_16}:){{5}}{_32}",
        *(rf"(?:(?:{_16}:){{0,{n}}}{_16})?::(?:{_16}:){{{4 - n}}}{_32}" for n in range(5)),
        rf"(?:(?:{_16}:){{0,5}}{_16})?::{_16}",
        rf"(?:(?:{_16}:){{0,6}}{_16})?::",
        rf"[vV][0-9A-Fa-f]+\.[{_UNRESERVED}:]+",
    ]
)


def is_reference(text: str) -> bool:
    """Whether it is a URI reference (4.1); an empty one is."""
    # A sender has few sources, and says one with every event.
    return _is_short_reference(text) if len(text) <= _SHORT else _is_reference(text)


def _is_reference(text: str) -> bool:
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return False
    # Compiled when the first one comes: few hosts are written as numbers.
    return match[1] is None or re.fullmatch(_IP_LITERAL, match[1]) is not None


_SHORT = 256
_is_short_reference = lru_cache(maxsize=256)(_is_reference)


def is_absolute(text: str) -> bool:
    """Whether it is an absolute URI (4.3): with a scheme, without a fragment."""
    return _SCHEME.match(text) is not None and "#" not in text and is_reference(text)
