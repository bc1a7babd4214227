"""Files of users, sessions and tasks, in one object store.

`store` is the port; `folder`, `memory` and `s3` are its sides. `scopes` says
where a scope's keys lie and which keys there are; `files` is what every
surface goes through: it keeps callers inside their scope and tells what
changed; `sharing` makes links by which others may read or write one of them. `room`
bounds what a scope holds, `sweeper` clears away what has expired.
"""

from catnap.files.changes import to_file
from catnap.files.files import Emit, Files
from catnap.files.folder import FolderStore
from catnap.files.links import Link, Links
from catnap.files.memory import MemoryStore
from catnap.files.pages import Listing
from catnap.files.room import Room
from catnap.files.room_rows import TABLES
from catnap.files.scopes import Scope, check_key
from catnap.files.sharing import Sharing
from catnap.files.store import Condition, ObjectStore, Stat, Written
from catnap.files.sweeper import Sweeper

__all__ = [
    "TABLES",
    "Condition",
    "Emit",
    "Files",
    "FolderStore",
    "Link",
    "Links",
    "Listing",
    "MemoryStore",
    "ObjectStore",
    "Room",
    "Scope",
    "Sharing",
    "Stat",
    "Sweeper",
    "Written",
    "check_key",
    "to_file",
]
