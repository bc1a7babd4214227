"""The entry of every service, kept in files: a name always means the same
template, also after a restart."""

from __future__ import annotations

from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest
from catnap.events.ids import path_part
from catnap.services import durable
from catnap.services.entry import Entry, Kept


class Ledger:
    """folder: where each service has a file; None for what is forgotten. A
    file that cannot be read keeps its own service from being changed, and no
    other: names would be given twice, and what it names taken for left over."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], Entry] = {}
        self._unreadable: dict[Path, str] = {}
        for path in folder.glob("*/*.json") if folder is not None else ():
            try:
                entry = msgspec.json.decode(path.read_bytes(), type=Entry)
                meta = entry.latest.service["metadata"]
                self._known[meta["namespace"], meta["name"]] = entry
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, LookupError) as error:
                self._unreadable[path] = f"{path} cannot be read: {error}"

    def get(self, namespace: str, service: str) -> Entry:
        """Raises InvalidRequest where its file cannot be read."""
        found = self._known.get((namespace, service))
        if found is None and self._folder is not None:
            problem = self._unreadable.get(_path(self._folder, namespace, service))
            if problem:
                raise InvalidRequest(
                    f"{problem}: mend it, or move it away, and the revisions of {service!r} "
                    "are numbered anew"
                )
        return found or Entry()

    def keep(self, namespace: str, service: str, entry: Entry) -> None:
        """Raises Unavailable, and then all is as it was."""
        if self._known.get((namespace, service)) == entry:
            return
        if self._folder is not None:
            durable.write(_path(self._folder, namespace, service), msgspec.json.encode(entry))
        self._known[namespace, service] = entry

    def newest(self, service: str) -> Kept | None:
        """The last revision that was made of a service, for whichever tenant."""
        found = [
            entry.latest
            for (_, name), entry in self._known.items()
            if name == service and not entry.gone
        ]
        return max(found, key=lambda each: each.created, default=None)

    def forget(self, service: str) -> None:
        """Keeps no more than the numbers of a service, for whichever tenant.
        Raises Unavailable as `keep`."""
        for (namespace, name), entry in list(self._known.items()):
            if name == service and not entry.gone:
                self.keep(namespace, name, entry.deleted())

    def images(self) -> set[str]:
        """What the revisions that are kept run from. Raises InvalidRequest
        where a file cannot be read: it may name others."""
        for problem in self._unreadable.values():
            raise InvalidRequest(problem)
        entries = (entry for entry in self._known.values() if not entry.gone)
        return {kept.image for entry in entries for kept in entry.revisions}


def _path(folder: Path, namespace: str, service: str) -> Path:
    return folder / path_part(namespace) / f"{service}.json"
