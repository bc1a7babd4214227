"""Revision numbers by service, kept in a file: a name always means the same
template, also after a restart."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec


class Numbers:
    """path: the file; None for numbers that are forgotten."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, tuple[int, str]] = {}
        if path is not None:
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                kept = path.read_bytes()
                self._known = msgspec.json.decode(kept, type=dict[str, tuple[int, str]])

    def number(self, namespace: str, service: str, digest: str) -> int:
        """Of the template with this digest, if it is applied next."""
        number, last = self._known.get(_name(namespace, service), (0, ""))
        return number if digest == last else number + 1

    def keep(self, namespace: str, service: str, number: int, digest: str) -> None:
        """Remembers that it was applied."""
        name, known = _name(namespace, service), (number, digest)
        if self._known.get(name) == known:
            return
        self._known[name] = known
        if self._path is not None:
            scratch = self._path.with_suffix(".new")
            scratch.write_bytes(msgspec.json.encode(self._known))
            scratch.replace(self._path)


def _name(namespace: str, service: str) -> str:
    """A service's name has no slash, so this has one meaning."""
    return f"{namespace}/{service}"
