"""models.toml while something runs by it: a good one is taken up, and one that is
not leaves the models as they were."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from catnap.errors import CatnapError, InvalidRequest, SkillCrashed
from catnap.models.file import parse
from catnap.models.settings import Models

LOOK = 1.0
"""Seconds between two looks. It is read, and not waited for: so what a ConfigMap's
links lead to is seen, and a file on a network, whose folder tells of nothing."""

SETTLE = 0.1
"""Seconds for which a file that was just written has to stay as it is."""

_log = logging.getLogger(__name__)

TakeUp = Callable[[Models], Awaitable[None]]


class Watched:
    """problem: what is wrong with the file as it is now; empty for nothing."""

    def __init__(self, path: Path, announce: Callable[[str], None]) -> None:
        self.problem = ""
        self._path = path
        self._announce = announce
        self._seen: bytes | OSError | None = None

    def first(self) -> Models:
        """Raises InvalidRequest with all that is wrong."""
        self._seen = self._read()
        return self._parse(self._seen)

    async def run(self, take_up: TakeUp) -> None:
        """Until cancelled. take_up: is given each good one after the first; what it
        raises is what is wrong with it."""
        while True:
            await asyncio.sleep(LOOK)
            await self._look(take_up)

    def refuse(self, error: CatnapError) -> None:
        """Says it, once."""
        self.problem = error.message
        self._announce(f"the models stay as they were: {error.message}")

    async def _look(self, take_up: TakeUp) -> None:
        found = self._read()
        while not _same(found, self._seen):
            await asyncio.sleep(SETTLE)
            before, found = found, self._read()
            if _same(before, found):
                self._seen = found
                await self._changed(found, take_up)

    async def _changed(self, found: bytes | OSError, take_up: TakeUp) -> None:
        try:
            config = self._parse(found)
            await take_up(config)
        except CatnapError as error:
            self.refuse(error)
            return
        except Exception:  # ours: the next file is looked at all the same
            _log.exception("%s could not be taken up", self._path)
            self.refuse(SkillCrashed(f"{self._path}: could not be taken up; the log says why"))
            return
        self.problem = ""
        names = ", ".join(sorted(config.models)) or "no models"
        self._announce(f"{self._path} is taken up: {names}")

    def _read(self) -> bytes | OSError:
        try:
            return self._path.read_bytes()
        except OSError as error:
            return error

    def _parse(self, found: bytes | OSError) -> Models:
        if isinstance(found, OSError):
            raise InvalidRequest(f"{self._path}: cannot be read: {found.strerror}")
        try:
            text = found.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"{self._path}: cannot be read: {error}") from None
        return parse(text, str(self._path), self._path.parent)


def _same(one: bytes | OSError | None, other: bytes | OSError | None) -> bool:
    if isinstance(one, OSError) and isinstance(other, OSError):
        return one.errno == other.errno
    return one == other
