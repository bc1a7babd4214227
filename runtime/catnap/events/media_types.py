"""Media types, and what is read of them.

Source: RFC 2046 and RFC 9110, section 8.3; which are JSON: CloudEvents JSON
Event Format 1.0.2, section 3.1.1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeGuard

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

_WORD = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'({_WORD})=({_WORD}|"(?:[ !#-\[\]-~]|\\[ -~])*")'
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}(?: *;(?: *{_PARAMETER})?)* *")


def is_media_type(text: str) -> bool:
    # An instance sees the same few in every request.
    return _is_short_media_type(text) if len(text) <= _SHORT else _is_media_type(text)


def _is_media_type(text: str) -> bool:
    return _MEDIA_TYPE.fullmatch(text) is not None


_SHORT = 128
_is_short_media_type = lru_cache(maxsize=128)(_is_media_type)


def essence(text: str) -> str:
    """Type and subtype in lower case, without the parameters."""
    return text.partition(";")[0].strip().lower()


def charset(text: str) -> str:
    """The parameter of that name in lower case; empty if there is none."""
    for name, value in re.findall(rf";[ \t]*{_PARAMETER}", text):
        if name.lower() == "charset":
            return str(value).strip('"').lower()
    return ""


def is_json(text: str | None) -> TypeGuard[str]:
    """Whether it is JSON: `application/json`, `text/json`, `...+json`."""
    return text is not None and essence(text).endswith(("/json", "+json"))
