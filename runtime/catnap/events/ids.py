"""The ids an event may carry: of tenants, users, sessions, tasks and keys."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

from catnap.errors import InvalidRequest
from catnap.events.attributes import forbidden

MAX_ID_BYTES = 256
EACH = "*"
_MAX_PART = 255
"""Bytes a file system takes for one name."""


def check_id(kind: str, value: str) -> str:
    """The id of a tenant, user, session, task or key, as it was given.

    1 to 256 bytes of UTF-8 without control characters, and not `*`, which
    stands for each of them; ids are compared as they are, and become part of a
    path only through `path_part`. Raises InvalidRequest, which names the kind
    and the rule.
    """
    if value == EACH:
        raise InvalidRequest(f"{kind} {EACH!r}: stands for each, and is none")
    if forbidden(value[: MAX_ID_BYTES + 1]):
        raise InvalidRequest(f"{kind} {value[:80]!a}: holds a character that is not allowed")
    if not 0 < len(value) <= MAX_ID_BYTES or len(value.encode()) > MAX_ID_BYTES:
        raise InvalidRequest(f"{kind} {value[:80]!a}: must have 1 to {MAX_ID_BYTES} bytes")
    return value


def path_part(value: str) -> str:
    """Any id as one part of a path or key, of 1 to 255 ASCII characters.

    Different ids give different parts, and none is `.` or `..`. An id that is
    too long with its escapes ends in its SHA-256 instead of its own end.
    """
    if value in (".", ".."):
        return value.replace(".", "%2E")
    part = quote(value, safe="")
    if len(part) <= _MAX_PART:
        return part
    # No escape begins with `%~`, so no other id has this part.
    end = "%~" + sha256(value.encode()).hexdigest()
    return part[: _MAX_PART - len(end)] + end
