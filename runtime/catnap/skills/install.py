"""`ctx.install`: packages of one session, beside those that its skill came with.

They are the process's, and so the session's that it serves: in a folder of the
instance, not of the workspace. The workspace has their lock, by which they are
there again before the first call of the session at another instance.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from catnap.errors import CatnapError, PermissionDenied, Unavailable
from catnap.skills.installer import Installer
from catnap.skills.lock import Lock, read_lock, write_lock
from catnap.skills.requirements import parse_requirement

if TYPE_CHECKING:
    from catnap.skills.context import Context

_NOTHING = Lock()


class Environment:
    """What is installed in this process, for one session. whose: tenant, user
    and session."""

    def __init__(self, folder: Path, whose: tuple[str, str, str]) -> None:
        self.whose = whose
        self._installer = Installer(folder)
        self._lock = asyncio.Lock()
        self._there = _NOTHING
        self._whole = True
        """Whether that is so: it is not where an attempt to change it was broken off."""
        self._looked_at = ""
        """The workspace whose lock was read last."""

    async def install(self, context: Context, requirements: Iterable[str]) -> dict[str, str]:
        wanted = tuple(str(parse_requirement(each)) for each in requirements)
        async with self._lock:
            if not (self._whole and set(wanted) <= set(self._there.asked)):
                await self._install(context, wanted)
            return self._there.versions

    async def _install(self, context: Context, wanted: tuple[str, ...]) -> None:
        await _check(context, wanted)
        names = {parse_requirement(each).name for each in wanted}
        kept = (each for each in self._there.asked if parse_requirement(each).name not in names)
        asked = (*kept, *wanted)
        index = context.gateway.index
        pins = await self._installer.lock(index, asked, self._there.pins)
        await self._adopt(index, Lock(asked, tuple(pins)))
        if context.folder:
            try:
                write_lock(context.folder, self._there)
            except OSError as error:
                raise Unavailable(f"ctx.install: the lock cannot be kept: {error}") from error
            self._looked_at = context.folder

    async def restore(self, context: Context) -> float:
        """Before a call: has what the session's workspace says. Gives the
        seconds that took."""
        if self._whole and context.folder == self._looked_at:
            return 0.0
        began = time.perf_counter()
        async with self._lock:
            if not self._whole or context.folder != self._looked_at:
                await self._restore(context)
        return time.perf_counter() - began

    async def _restore(self, context: Context) -> None:
        try:
            lock = read_lock(context.folder)
            if not self._whole or lock.pins != self._there.pins:
                await self._rebuild(context.gateway.index, lock)
            self._there = lock
        except Unavailable:
            raise
        except CatnapError as error:
            # The next attempt would end so, too; and the session has other work
            # than that.
            sys.stderr.write(f"what this session had installed is not there: {error.message}\n")
            self._there, self._whole = _NOTHING, True
        self._looked_at = context.folder

    async def _rebuild(self, index: str, lock: Lock) -> None:
        try:
            await self._adopt(index, lock)
        except PermissionDenied:
            # A gateway that has not seen these packages before learns by the way
            # from one to the next that they belong to what is allowed.
            await self._installer.lock(index, lock.asked, lock.pins)
            await self._adopt(index, lock)

    async def _adopt(self, index: str, lock: Lock) -> None:
        self._whole = False
        await self._installer.sync(index, lock.pins)
        self._there, self._whole = lock, True
        _make_importable(str(self._installer.site))


async def install(context: Context, requirements: Iterable[str]) -> dict[str, str]:
    """Names and versions of all that the session has installed now."""
    if not context.gateway.index:
        await _check(context, [str(parse_requirement(each)) for each in requirements])
        return {}
    return await _environment(context).install(context, requirements)


async def restore(context: Context, timings: dict[str, float]) -> None:
    """Before a call of a session that may have installed something. timings:
    in milliseconds, are told what that took. Raises Unavailable."""
    if context.folder:
        took = await _environment(context).restore(context)
        if took:
            timings["install"] = timings.get("install", 0.0) + took * 1000


async def _check(context: Context, wanted: Iterable[str]) -> None:
    """Raises what speaks against it."""
    body = msgspec.json.encode({"requirements": list(wanted)})
    kind = (b"content-type", b"application/json")
    await context.gateway.request("POST", "/callback/packages", [kind], body)


_here: Environment | None = None
"""Of this process."""


def _environment(context: Context) -> Environment:
    global _here
    whose = (context.tenant, context.user, context.session)
    if _here is None:
        _here = Environment(Path(tempfile.gettempdir(), ".catnap-packages"), whose)
    elif _here.whose != whose:
        raise Unavailable(
            "ctx.install: this process has what another session has installed: it takes "
            "share = 'session' under [session] in skill.toml"
        )
    return _here


def _make_importable(site: str) -> None:
    """After the skill's own folder and Python's own library, before what the
    skill came with; what is imported already stays what it is."""
    if site not in sys.path:
        packages = ("site-packages", "dist-packages")
        places = [n for n, each in enumerate(sys.path) if Path(each).name in packages]
        sys.path.insert(places[0] if places else len(sys.path), site)
    importlib.invalidate_caches()
