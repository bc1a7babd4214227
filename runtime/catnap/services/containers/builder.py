"""The program that builds images, whichever is there."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.containers.commands import Buildah, Command, Commands, Docker, Podman
from catnap.services.containers.process import ProgramFailed, run

_KNOWN: tuple[Commands, ...] = (Docker(), Podman(), Buildah())
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Image:
    """id: digest of its configuration. digest: of its manifest, as a registry
    knows it; empty where no registry does."""

    id: str
    digest: str


async def find(wanted: str) -> Builder:
    """The builder of that name, or the first that answers.

    Raises Unavailable with what to install.
    """
    answers = []
    for commands in _KNOWN:
        if wanted in ("", commands.program) and shutil.which(commands.program):
            try:
                await run(*commands.alive())
            except ProgramFailed as error:
                answers.append(f"{commands.program} says: {error.said}")
            else:
                return Builder(commands)
    why = "; ".join(answers) or f"found no {wanted or 'docker, podman or buildah'}"
    raise Unavailable(
        f"building images needs docker, podman or buildah ({why}); on Debian, "
        "`apt-get install buildah`. CATNAP_BUILDER names one"
    )


class Builder:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    @property
    def program(self) -> str:
        return self._commands.program

    async def image(self, reference: str) -> Image | None:
        """What is in the builder's own store under this name."""
        try:
            said = await run(*self._commands.inspect(reference))
        except ProgramFailed:
            return None
        identity, *origins = said.split()
        digest = _DIGEST.search(origins[0]) if origins else None
        return Image(f"sha256:{identity.removeprefix('sha256:')}", digest[0] if digest else "")

    async def base(self, reference: str) -> Image:
        """As `image`, fetched where it is not there yet."""
        found = await self.image(reference)
        if found is None:
            try:
                await run(*self._commands.pull(reference))
            except ProgramFailed as error:
                raise InvalidRequest(
                    f"base image {reference} is not to be had (CATNAP_BASE names another): "
                    f"{error.said}"
                ) from None
            found = await self.image(reference)
        if found is None:
            raise Unavailable(f"{self.program} pulled {reference} and has it not")
        return found

    async def look(self, base: str, command: Sequence[str]) -> str:
        """What a command prints inside the base. Raises ProgramFailed."""
        name = f"catnap-look-{secrets.token_hex(4)}"
        try:
            return await self._all(self._commands.look(base, command, name))
        finally:
            await self._all(self._commands.leave(name))

    async def build(self, context: Path, reference: str, base: str, fresh: bool) -> Image:
        """Raises ProgramFailed with the last that the builder said."""
        await run(*self._commands.build(context, reference, base, fresh))
        image = await self.image(reference)
        if image is None:
            raise Unavailable(f"{self.program} built {reference} and has it not")
        return image

    async def push(self, reference: str, remote: str) -> str:
        """Gives the digest by which the registry knows it."""
        with tempfile.TemporaryDirectory(prefix="catnap-push-") as scratch:
            file = Path(scratch) / "digest"
            said = await self._all(self._commands.push(reference, remote, file))
            digest = _DIGEST.search(file.read_text() if file.exists() else said)
        if digest is None:
            raise Unavailable(f"{remote} was pushed, but its digest is not known: {said[-200:]}")
        return digest[0]

    async def save(self, reference: str, archive: Path) -> None:
        await run(*self._commands.save(reference, archive))

    async def _all(self, commands: Sequence[Command]) -> str:
        return "".join([await run(*command) for command in commands])
