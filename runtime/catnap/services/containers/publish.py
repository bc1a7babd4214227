"""An image, handed to where a cluster finds it."""

from __future__ import annotations

import shlex
import tempfile
import time
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.containers import builder, records
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.process import ProgramFailed, run
from catnap.services.containers.settings import BuildSettings


class _Record(msgspec.Struct, frozen=True):
    """What is remembered of an image that a cluster has."""

    reference: str


async def publish(built: Built, settings: BuildSettings, announce: Announce, target: str) -> str:
    """Pushes to the registry or runs the load command; gives the reference to
    put in a pod's spec. target: the cluster's identity, so that what it was given
    is not given again; empty where it is not known. A registry is the same for
    all clusters.

    Raises InvalidRequest where neither is set, and Unavailable with what the
    program said where it failed.
    """
    check(settings)
    name, tag = built.name, built.reference.rpartition(":")[2]
    way = ("", settings.registry) if settings.registry else (target, settings.load_command)
    kept = records.published(settings.home, name, tag, *way)
    known = any((settings.registry, target)) and not settings.force
    if known and (record := records.read(kept, _Record)):
        return record.reference
    began = time.monotonic()
    program = await builder.find(settings.builder)
    if settings.registry:
        repository = f"{settings.registry}/{name}"
        digest = await program.push(built.reference, f"{repository}:{tag}")
        reference = f"{repository}@{digest}"
    else:
        await _load(program, built, settings.load_command)
        reference = built.reference
    records.write(kept, _Record(reference))
    announce(f"{name}: published as {reference} in {time.monotonic() - began:.1f} s")
    return reference


def check(settings: BuildSettings) -> None:
    """Raises InvalidRequest where it is not said how a cluster gets images."""
    if not settings.registry and not settings.load_command:
        raise InvalidRequest(
            "a cluster cannot see this machine's images: set REGISTRY to push them "
            "(host[:port][/path]), or LOAD_COMMAND to what takes an archive, such as "
            "'kind load image-archive'"
        )


async def _load(program: builder.Builder, built: Built, command: str) -> None:
    with tempfile.TemporaryDirectory(prefix="catnap-image-") as scratch:
        archive = Path(scratch) / "image.tar"
        await program.save(built.reference, archive)
        try:
            await run(*load_words(command, archive))
        except ProgramFailed as error:
            raise Unavailable(f"LOAD_COMMAND failed: {error.message}") from None


def load_words(command: str, archive: Path) -> list[str]:
    """The load command with the archive in it. Raises InvalidRequest."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidRequest(f"LOAD_COMMAND={command}: {error}") from None
    if not words:
        raise InvalidRequest("LOAD_COMMAND names no program")
    if not any("{}" in word for word in words):
        return [*words, str(archive)]
    return [word.replace("{}", str(archive)) for word in words]
