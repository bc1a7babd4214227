"""What the query of a request says."""

from __future__ import annotations

from urllib.parse import parse_qs

from catnap.http import Request


def read_query(request: Request, *, blank: bool = False, errors: str = "replace") -> dict[str, str]:
    """The first value of each name. blank: names without a value count, too.
    errors: what becomes of what is no UTF-8, as of `bytes.decode`."""
    text = request.target.partition("?")[2]
    found = parse_qs(text, keep_blank_values=blank, errors=errors)
    return {name: values[0] for name, values in found.items()}
