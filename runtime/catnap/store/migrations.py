"""Tables by component, brought up to date in numbered steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from catnap.errors import InvalidRequest
from catnap.store.database import Database

_VERSIONS = """
CREATE TABLE IF NOT EXISTS components (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Component:
    """What has tables of its own.

    steps: the n-th makes version n of version n - 1: statements, each ended by
    `;`, in SQLite's words (TEXT, INTEGER, REAL, BLOB; STRICT, WITHOUT ROWID).
    A step that was released is never edited, and leaves in place what the
    release before it uses: replicas are replaced one after the other. earlier:
    what makes version 1 in place of the first step, by the `user_version` of a
    SQLite file from before components were counted, which has their tables.
    """

    name: str
    steps: tuple[str, ...]
    earlier: Mapping[int, str] = field(default_factory=dict)


def migrate(
    db: Database,
    components: Sequence[Component],
    place: str,
    spoken: Callable[[str], str] = str,
    earlier: int = 0,
) -> None:
    """Takes the steps that are still to be taken, in a transaction that no
    other migration overlaps. spoken: gives a statement in the database's words.
    earlier: the format of a file from before components were counted.

    Raises InvalidRequest where a newer Catnap has been here.
    """
    db.execute(spoken(_VERSIONS))
    found = {row["name"]: row["version"] for row in db.execute("SELECT * FROM components")}
    for component in components:
        version, newest = found.get(component.name, 0), len(component.steps)
        if version > newest:
            raise InvalidRequest(
                f"{place}: a newer Catnap wrote it ({component.name} is at version {version}, "
                f"this one knows {newest}): use that one, or another CATNAP_STORE"
            )
        steps = component.steps
        if earlier in component.earlier:
            steps = (component.earlier[earlier], *steps[1:])
        for step in steps[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    db.execute(spoken(statement))
        db.execute(
            "INSERT INTO components (name, version) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET version = excluded.version",
            (component.name, newest),
        )
