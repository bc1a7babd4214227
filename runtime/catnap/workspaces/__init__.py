"""A session's folder, kept where its instance cannot lose it.

`scan`, `capture` and `packing` make an immutable snapshot of a folder;
`restore` makes the folder anew; `manifest` is what a snapshot is. They know
files and bytes, and nothing of sessions. `rows` holds the heads and gives out
epochs, `garbage` says what nobody names any more. `workspaces` puts them
together over an object store; `keeper` does so for the instances of a machine.
"""

from catnap.workspaces.bounds import Bounds
from catnap.workspaces.chosen import chosen
from catnap.workspaces.keeper import Keeper
from catnap.workspaces.rows import TABLES, Held, Snapshot, Workspace
from catnap.workspaces.workspaces import Workspaces

__all__ = ["TABLES", "Bounds", "Held", "Keeper", "Snapshot", "Workspace", "Workspaces", "chosen"]
