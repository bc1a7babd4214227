"""Listings in pages, each of which begins where the token of the last one says."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from catnap.errors import InvalidRequest
from catnap.files.scopes import check_key
from catnap.files.store import Stat

DEFAULT_PAGE = 1000
MAX_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. `next` is the token of the page after it, empty at the end."""

    files: list[Stat]
    next: str = ""


def page_size(asked: int) -> int:
    """Raises InvalidRequest where it is less than 0."""
    if asked < 0:
        raise InvalidRequest(f"page_size {asked}: must be 0 or more")
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def token(key: str) -> str:
    """Of the page after the one that ends with this key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def last_key(token: str) -> str:
    """Raises InvalidRequest where no listing gave the token."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        return check_key(base64.b64decode(padded, b"-_", validate=True).decode())
    except (UnicodeError, binascii.Error, InvalidRequest):
        raise InvalidRequest(
            f"page_token {token[:80]!a}: not one that a listing gave; begin without one"
        ) from None
