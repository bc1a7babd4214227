"""URI references and absolute URIs, as RFC 3986 has them."""

from __future__ import annotations

import re

_PCT = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|{_PCT})"
_SEGMENT_WITHOUT_COLON = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=@]|{_PCT})+"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*:"
_HOST = rf"(?:\[[0-9A-Za-z.:_~!$&'()*+,;=\-]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|{_PCT})*)"
_AUTHORITY = rf"//(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|{_PCT})*@)?{_HOST}(?::[0-9]*)?"
_ROOTED = rf"/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?"
_QUERY = rf"(?:\?(?:{_PCHAR}|[/?])*)?"
_FRAGMENT = rf"(?:\#(?:{_PCHAR}|[/?])*)?"
_ANY_PATH = rf"(?:{_AUTHORITY}(?:/{_PCHAR}*)*|{_ROOTED}|{_PCHAR}+(?:/{_PCHAR}*)*|)"
_RELATIVE_PATH = (
    rf"(?:{_AUTHORITY}(?:/{_PCHAR}*)*|{_ROOTED}|{_SEGMENT_WITHOUT_COLON}(?:/{_PCHAR}*)*|)"
)

_ABSOLUTE = re.compile(rf"{_SCHEME}{_ANY_PATH}{_QUERY}\Z")
_REFERENCE = re.compile(rf"(?:{_SCHEME}{_ANY_PATH}|{_RELATIVE_PATH}){_QUERY}{_FRAGMENT}\Z")


def is_absolute(text: str) -> bool:
    """Whether it is an absolute URI (4.3): with a scheme, without a fragment."""
    return _ABSOLUTE.match(text) is not None


def is_reference(text: str) -> bool:
    """Whether it is a URI reference (4.1); an empty one is."""
    return _REFERENCE.match(text) is not None
