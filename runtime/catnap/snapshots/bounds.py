"""How much a workspace may hold."""

from __future__ import annotations

from dataclasses import dataclass

from catnap.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class Bounds:
    """size: bytes of content, without holes. entries: files, folders and links.
    depth: folders inside one another; each takes a descriptor while it is read."""

    size: int = 1 << 30
    entries: int = 100_000
    depth: int = 100

    @classmethod
    def within(cls, size: int) -> Bounds:
        """With no more content than so many bytes; 0 sets no bound of its own."""
        return cls(size=min(cls().size, size)) if size else cls()

    def check(self, what: str, found: int, most: int) -> None:
        """Raises ResourceExhausted where there is more of it than may be."""
        if found > most:
            raise ResourceExhausted(
                f"the workspace has more than {most:,} {what}: it is not kept until the skill "
                "removes some; what need not last belongs into TMPDIR"
            )
