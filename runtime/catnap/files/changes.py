"""What happened to a file, as an event, and the file as it goes over the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from catnap.events import Event
from catnap.files.scopes import Scope
from catnap.files.store import Stat
from catnap.skills.files import File

Kind = Literal["created", "updated", "deleted"]


def to_event(kind: Kind, scope: Scope, stat: Stat, time: datetime, id: str) -> Event:  # noqa: A002
    """stat: with a key that is relative to the scope."""
    event = Event(
        id=id,
        source=f"/files/{scope.kind}",
        type=f"catnap.file.{kind}",
        subject=stat.key,
        time=_rfc3339(time),
        datacontenttype="application/json",
        data=msgspec.json.encode(to_file(stat)),
    )
    return event.extended(
        tenantid=scope.tenant,
        userid=scope.user,
        sessionid=scope.session or None,
        taskid=scope.task or None,
    )


def to_file(stat: Stat) -> File:
    return File(stat.key, stat.size, stat.etag, stat.content_type, _rfc3339(stat.modified))


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
