"""What docker, podman and buildah are told. Pure: command lines, nothing else.

All three build without a network, keep the layers they have built and date
everything 1970, so that the same input gives the same image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

Command = tuple[str, ...]


class Commands(Protocol):
    """One program's dialect. A reference is a name in the program's own store."""

    @property
    def program(self) -> str: ...

    def alive(self) -> Command:
        """Ends well where images can be built."""

    def inspect(self, reference: str) -> Command:
        """Prints an image's id and where it came from, `[name@]digest`, if it
        is known. Fails where there is no such image."""

    def pull(self, reference: str) -> Command: ...

    def look(self, base: str, command: Sequence[str], name: str) -> tuple[Command, ...]:
        """Runs a command in a container of that name, made of the base."""

    def leave(self, name: str) -> tuple[Command, ...]:
        """Removes what `look` has left."""

    def build(self, context: Path, reference: str, base: str, fresh: bool) -> Command:
        """fresh: no layer of an earlier build is taken."""

    def push(self, reference: str, remote: str, digest: Path) -> tuple[Command, ...]:
        """Leaves the digest in a file, or prints it as `digest: sha256:...`."""

    def save(self, reference: str, archive: Path) -> Command:
        """As a docker-archive, in which the image keeps its name."""


class Docker:
    program = "docker"

    def alive(self) -> Command:
        return ("docker", "version", "--format", "{{.Server.Version}}")

    def inspect(self, reference: str) -> Command:
        wanted = "{{.Id}} {{range .RepoDigests}}{{.}} {{end}}"
        return ("docker", "image", "inspect", "--format", wanted, reference)

    def pull(self, reference: str) -> Command:
        return ("docker", "pull", "--quiet", reference)

    def look(self, base: str, command: Sequence[str], name: str) -> tuple[Command, ...]:
        return (_run("docker", base, command, name),)

    def leave(self, name: str) -> tuple[Command, ...]:
        return ()

    def build(self, context: Path, reference: str, base: str, fresh: bool) -> Command:
        dated = ("--build-arg", "SOURCE_DATE_EPOCH=0", "--pull=false")
        return ("docker", *_build(context, reference, base, fresh, dated))

    def push(self, reference: str, remote: str, digest: Path) -> tuple[Command, ...]:
        return (("docker", "tag", reference, remote), ("docker", "push", remote))

    def save(self, reference: str, archive: Path) -> Command:
        return ("docker", "save", "--output", str(archive), reference)


class Podman:
    program = "podman"

    def alive(self) -> Command:
        return ("podman", "version", "--format", "{{.Client.Version}}")

    def inspect(self, reference: str) -> Command:
        return ("podman", "image", "inspect", "--format", "{{.Id}} {{.Digest}}", reference)

    def pull(self, reference: str) -> Command:
        return ("podman", "pull", "--quiet", reference)

    def look(self, base: str, command: Sequence[str], name: str) -> tuple[Command, ...]:
        return (_run("podman", base, command, name),)

    def leave(self, name: str) -> tuple[Command, ...]:
        return ()

    def build(self, context: Path, reference: str, base: str, fresh: bool) -> Command:
        return ("podman", *_build(context, reference, base, fresh, _DATED))

    def push(self, reference: str, remote: str, digest: Path) -> tuple[Command, ...]:
        return (("podman", *_push(reference, remote, digest)),)

    def save(self, reference: str, archive: Path) -> Command:
        form = ("--quiet", "--format", "docker-archive")
        return ("podman", "save", *form, "--output", str(archive), reference)


class Buildah:
    program = "buildah"

    def alive(self) -> Command:
        return ("buildah", "--version")

    def inspect(self, reference: str) -> Command:
        wanted = "{{.FromImageID}} {{.FromImageDigest}}"
        return ("buildah", "inspect", "--type", "image", "--format", wanted, reference)

    def pull(self, reference: str) -> Command:
        return ("buildah", "pull", "--quiet", reference)

    def look(self, base: str, command: Sequence[str], name: str) -> tuple[Command, ...]:
        return (
            ("buildah", "from", "--pull-never", "--name", name, base),
            ("buildah", "run", "--network", "none", name, "--", *command),
        )

    def leave(self, name: str) -> tuple[Command, ...]:
        return (("buildah", "rm", name),)

    def build(self, context: Path, reference: str, base: str, fresh: bool) -> Command:
        return ("buildah", *_build(context, reference, base, fresh, _DATED))

    def push(self, reference: str, remote: str, digest: Path) -> tuple[Command, ...]:
        return (("buildah", *_push(reference, remote, digest)),)

    def save(self, reference: str, archive: Path) -> Command:
        return ("buildah", "push", "--quiet", reference, f"docker-archive:{archive}:{reference}")


# The layers are kept by name, since buildah by itself makes one of them all.
_DATED = ("--timestamp", "0", "--layers", "--pull=false", "--identity-label=false")


def _build(context: Path, reference: str, base: str, fresh: bool, own: Command) -> Command:
    return (
        *("build", "--network", "none", *own, *(["--no-cache"] if fresh else [])),
        *("--build-arg", f"BASE={base}", "--tag", reference, str(context)),
    )


def _run(program: str, base: str, command: Sequence[str], name: str) -> Command:
    program_of, *arguments = command
    apart = ("--rm", "--network", "none", "--name", name)
    return (program, "run", *apart, "--entrypoint", program_of, base, *arguments)


def _push(reference: str, remote: str, digest: Path) -> Command:
    plain = ("--tls-verify=false",) if _loopback(remote) else ()
    return ("push", "--quiet", *plain, "--digestfile", str(digest), reference, f"docker://{remote}")


def _loopback(remote: str) -> bool:
    """Whether a registry is on this machine, where none has a certificate.
    docker knows by itself."""
    host = remote.partition("/")[0]
    return host.startswith("127.") or host.partition(":")[0] == "localhost" or host[:5] == "[::1]"
