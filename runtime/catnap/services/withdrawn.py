"""Skills that were deleted while their folder is still there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest
from catnap.services import durable


class Withdrawn:
    """A set of names, kept in a file. Raises InvalidRequest for a file that
    cannot be read: nobody may be served what was deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()
        try:
            self._names = msgspec.json.decode(path.read_bytes(), type=set[str])
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"{path} cannot be read: {error}: mend it, or remove it, and the skills that "
                "were deleted are served again"
            ) from None

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def add(self, name: str) -> None:
        if name not in self._names:
            self._keep(self._names | {name})

    def discard(self, name: str) -> None:
        if name in self._names:
            self._keep(self._names - {name})

    def _keep(self, names: set[str]) -> None:
        durable.write(self._path, msgspec.json.encode(sorted(names)))
        self._names = names
