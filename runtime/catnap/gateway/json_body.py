"""What somebody sends as JSON, read."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from catnap.errors import InvalidRequest

T = TypeVar("T")


def read_json(body: bytes, kind: type[T]) -> T:
    """Raises InvalidRequest, naming the field that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body: {error}") from None
    except RecursionError:
        raise InvalidRequest("the body: it is nested too deeply") from None
