"""A session's folder, kept where its instance cannot lose it.

What a snapshot is and how it is taken is `catnap.snapshots`. Here `rows` holds
the heads and gives out epochs, `garbage` says what nobody names any more,
`workspaces` puts both together over an object store. `keeper` does so for the
instances of a machine; a pod's host does, with a lease, what `leased` lets it.
"""

from catnap.snapshots.bounds import Bounds
from catnap.workspaces.chosen import chosen
from catnap.workspaces.expiry import Expiry
from catnap.workspaces.keeper import Keeper
from catnap.workspaces.rows import TABLES, Held, Snapshot, Workspace
from catnap.workspaces.workspaces import Workspaces

__all__ = [
    "TABLES",
    "Bounds",
    "Expiry",
    "Held",
    "Keeper",
    "Snapshot",
    "Workspace",
    "Workspaces",
    "chosen",
]
