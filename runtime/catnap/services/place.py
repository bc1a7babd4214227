"""One call's place at an instance."""

from __future__ import annotations

import msgspec

from catnap.services.instance import Instance
from catnap.sessions import Entry


class Place(msgspec.Struct, frozen=True, eq=False):
    """home: of the session that the call is of, if it is of one."""

    instance: Instance
    home: Entry[Instance] | None = None
