"""Which snapshot is meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from catnap.errors import InvalidRequest, NotFound
from catnap.workspaces.rows import Snapshot


def chosen(history: Sequence[Snapshot], at: str) -> Snapshot:
    """The one with that number, or the newest that was taken by that moment
    (RFC 3339, in UTC where it names no zone). history: the newest first.

    Raises InvalidRequest, and NotFound, which says what there is.
    """
    if at.isascii() and at.isdigit():
        found = [each for each in history if each.number == int(at)]
    else:
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise InvalidRequest(
                f"{at!r} is neither a snapshot's number nor a moment such as 2026-02-01T09:30:00Z"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        found = [each for each in history if each.taken <= moment.timestamp()]
    if not found:
        known = ", ".join(str(each.number) for each in reversed(history))
        raise NotFound(f"there is no snapshot {at}: there is {known or 'none yet'}")
    return found[0]
