"""The opened indexes of this instance."""

from __future__ import annotations

from index import Index

from catnap import NotFound
from catnap.skills.files import File, Files

KEY = ".catnap/document-search.index"
MOST_PASSAGES = 60_000
"""Passages of all opened indexes together; each takes about 4 KiB."""

Owner = tuple[str, str]
"""Tenant and user."""


class Library:
    """Keeps indexes opened, the least recently used ones least long. An index
    is found by its owner and version only, so nobody meets another's."""

    def __init__(self, most: int = MOST_PASSAGES) -> None:
        self._most = most
        self._opened: dict[Owner, tuple[str, Index]] = {}

    async def open(self, files: Files, owner: Owner, listed: list[File]) -> tuple[str, Index]:
        """The version and the index that the listing shows; of the next
        version, where there is one by now; an empty one where there is none."""
        etag = next((file.etag for file in listed if file.key == KEY), "")
        if not etag:
            return "", Index()
        if owner in self._opened and self._opened[owner][0] == etag:
            self.keep(owner, *self._opened[owner])
            return self._opened[owner]
        try:
            file, data = await files.fetch(KEY)
        except NotFound:
            return "", Index()
        return self.keep(owner, file.etag, Index(data))

    def keep(self, owner: Owner, etag: str, index: Index) -> tuple[str, Index]:
        """From here on the index must not change."""
        self._opened.pop(owner, None)
        self._opened[owner] = (etag, index)
        while len(self._opened) > 1 and self._size() > self._most:
            del self._opened[next(iter(self._opened))]
        return etag, index

    def _size(self) -> int:
        return sum(index.size for _, index in self._opened.values())
