"""Which models there are, and which server answers for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catnap.errors import InvalidRequest, NotFound
from catnap.models.remote import Remote


@dataclass(frozen=True)
class Entry:
    """One model name. dimensions: components of an embedding, 0 for none."""

    name: str
    server: Remote
    abilities: tuple[str, ...] = ("infer",)
    dimensions: int = 0
    max_tokens: int = 0
    version: str = ""


class Registry:
    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda each: each.name))

    def get(self, name: str) -> Entry:
        """Raises NotFound, which names those there are."""
        entry = self._entries.get(name)
        if entry is None:
            known = ", ".join(sorted(self._entries)) or "none"
            raise NotFound(f"there is no model {name!r}; there are: {known}")
        return entry

    def embedder(self, name: str) -> Entry:
        """The model of that name, or the only one that embeds."""
        if not name:
            embedding = [each for each in self if "embed" in each.abilities]
            if len(embedding) != 1:
                raise InvalidRequest("model: name one, there is not exactly one that embeds")
            return embedding[0]
        entry = self.get(name)
        if "embed" not in entry.abilities:
            raise InvalidRequest(f"model {name!r} gives no embeddings")
        return entry
