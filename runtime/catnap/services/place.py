"""One call's place at an instance."""

from __future__ import annotations

from dataclasses import dataclass

from catnap.services.instance import Instance
from catnap.sessions import Entry


@dataclass(frozen=True, slots=True)
class Place:
    """home: of the session that the call is of, if it is of one."""

    instance: Instance
    home: Entry[Instance] | None = None
