"""What the query of a request says."""

from __future__ import annotations

from urllib.parse import parse_qs

from catnap.errors import InvalidRequest
from catnap.http import Request


def read_query(request: Request, *, blank: bool = False, errors: str = "replace") -> dict[str, str]:
    """The first value of each name. blank: names without a value count, too.
    errors: what becomes of what is no UTF-8, as of `bytes.decode`."""
    text = request.target.partition("?")[2]
    found = parse_qs(text, keep_blank_values=blank, errors=errors)
    return {name: values[0] for name, values in found.items()}


def whole_number(
    name: str, text: str, default: int, *, least: int = 0, most: int = 1_000_000_000
) -> int:
    """What a number in a query says. Raises InvalidRequest, which names it."""
    if not text:
        return default
    # Bounded before it is read: of thousands of digits Python makes no number.
    digits = text.isascii() and text.isdecimal() and len(text) < 16
    if not (digits and least <= int(text) <= most):
        raise InvalidRequest(f"{name} {text[:80]!a}: write a whole number from {least} to {most:,}")
    return int(text)
