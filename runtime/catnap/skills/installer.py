"""Runs uv for a session: from requirements to a lock, and from that to a folder.

It runs in the instance, with no more rights than the skill has: whatever a wheel
holds, it is unpacked where the session's own code could have written it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from catnap.errors import InvalidRequest, PermissionDenied, SkillError, Unavailable
from catnap.skills.lock import Pin, format_pins, parse_lock
from catnap.skills.programs import run

_SAID = 2000
"""Characters that are told of what uv said."""

_DENIED = re.compile(r"\(403 |\b403 Forbidden")
_AWAY = re.compile(r"\((?:401|429|5\d\d) |error sending request|Connection re|operation timed out")


class Installer:
    """folder: the instance's own, for the packages and what uv keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.site = folder / "site"
        """Where the packages are, for `sys.path`."""

    async def lock(self, index: str, asked: Iterable[str], before: Iterable[Pin]) -> list[Pin]:
        """What these requirements come to. index: a URL with credentials.
        before: stays what it is, as far as it can.

        Raises InvalidRequest where nothing satisfies them, PermissionDenied where
        they need what is not allowed, Unavailable, and SkillError where there is
        no uv.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted, found = self._folder / "wanted.in", self._folder / "found.txt"
        wanted.write_text("".join(f"{each}\n" for each in asked))
        found.write_text(format_pins(before))
        await self._uv(
            *("pip", "compile", str(wanted), "--output-file", str(found)),
            *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
            index=index,
        )
        return list(parse_lock(found.read_text()).pins)

    async def sync(self, index: str, pins: Iterable[Pin]) -> None:
        """Has these and nothing else in `site`. Raises as `lock` does."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole = self._folder / "whole.txt"
        whole.write_text(format_pins(pins))
        if not whole.stat().st_size:
            shutil.rmtree(self.site, ignore_errors=True)
            return
        await self._uv(
            *("pip", "sync", str(whole), "--target", str(self.site), "--require-hashes"),
            index=index,
        )

    async def _uv(self, *arguments: str, index: str) -> None:
        ended = await run(
            *(_program(), *arguments, "--python", sys.executable, "--no-build", "--quiet"),
            env=self._environment(index),
        )
        if ended.status:
            raise _error(ended.err.decode(errors="replace"), index)

    def _environment(self, index: str) -> dict[str, str]:
        """All that uv is told by it: nothing of the skill's, and the credentials
        not as arguments, which every process may read."""
        kept = {
            name: os.environ[name] for name in ("TMPDIR", "SSL_CERT_FILE") if name in os.environ
        }
        return {
            **kept,
            "HOME": str(self._folder),
            "PATH": os.defpath,
            "UV_CACHE_DIR": str(self._folder / "cache"),
            "UV_DEFAULT_INDEX": index,
            "UV_HTTP_RETRIES": "1",
            "UV_HTTP_TIMEOUT": "600",  # the gateway first fetches a wheel as a whole
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }


def _program() -> str:
    """The platform's uv, the environment's, or the system's."""
    beside = str(Path(sys.executable).parent / "uv")
    for found in (os.environ.get("CATNAP_UV"), beside, shutil.which("uv")):
        if found and os.access(found, os.X_OK):
            return found
    raise SkillError(
        "ctx.install needs uv, and there is none: add uv to the skill's requirements.in and run "
        "`catnap lock`"
    )


def _error(said: str, index: str) -> InvalidRequest | PermissionDenied | Unavailable:
    text = " ".join(said.replace(index, "the index").split())
    text = re.sub(r"\w+://[^\s`]*/callback/packages/\w+/", "", text)[-_SAID:]
    if _DENIED.search(said):
        return PermissionDenied(f"ctx.install: {text}")
    if _AWAY.search(said):
        return Unavailable(f"ctx.install: {text}", retry_after=1)
    return InvalidRequest(f"ctx.install: {text}")
