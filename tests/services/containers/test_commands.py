"""What each builder is told, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.services.containers.commands import Buildah, Command, Commands, Docker, Podman

CONTEXT, REFERENCE, BASE = Path("/context"), "dev.local/echo:1", "python:3.11"
_ENDS = ("--build-arg", f"BASE={BASE}", "--tag", REFERENCE, "/context")
_DATED = ("--timestamp", "0", "--layers", "--pull=false", "--identity-label=false")

ALL: list[Commands] = [Docker(), Podman(), Buildah()]
each = pytest.mark.parametrize("commands", ALL, ids=lambda commands: commands.program)


@pytest.mark.parametrize(
    ("commands", "own"),
    [
        (Docker(), ("--build-arg", "SOURCE_DATE_EPOCH=0", "--pull=false")),
        (Podman(), _DATED),
        (Buildah(), _DATED),
    ],
)
def test_a_build_has_no_network_and_no_date(commands: Commands, own: Command) -> None:
    told = commands.build(CONTEXT, REFERENCE, BASE, fresh=False)
    assert told == (commands.program, "build", "--network", "none", *own, *_ENDS)


@each
def test_a_fresh_build_takes_no_layer_of_an_earlier_one(commands: Commands) -> None:
    assert "--no-cache" in commands.build(CONTEXT, REFERENCE, BASE, fresh=True)


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (Docker(), ("docker", "save", "--output", "/a.tar", REFERENCE)),
        (
            Podman(),
            (
                *("podman", "save", "--quiet", "--format", "docker-archive"),
                *("--output", "/a.tar", REFERENCE),
            ),
        ),
        (
            Buildah(),
            ("buildah", "push", "--quiet", REFERENCE, f"docker-archive:/a.tar:{REFERENCE}"),
        ),
    ],
)
def test_an_archive_keeps_the_name(commands: Commands, told: Command) -> None:
    assert commands.save(REFERENCE, Path("/a.tar")) == told


def test_docker_pushes_what_it_has_named_for_the_registry() -> None:
    remote = "registry.example/team/echo:1"
    assert Docker().push(REFERENCE, remote, Path("/digest")) == (
        ("docker", "tag", REFERENCE, remote),
        ("docker", "push", remote),
    )


@pytest.mark.parametrize("commands", [Podman(), Buildah()], ids=["podman", "buildah"])
def test_the_others_push_by_reference_and_write_the_digest_down(commands: Commands) -> None:
    remote = "registry.example/team/echo:1"
    [told] = commands.push(REFERENCE, remote, Path("/digest"))
    assert told == (
        *(commands.program, "push", "--quiet", "--digestfile", "/digest"),
        *(REFERENCE, f"docker://{remote}"),
    )


@pytest.mark.parametrize(
    ("registry", "plain"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000/team", True),
        ("[::1]:5000", True),
        ("localhost.example", False),
        ("registry.example:5000", False),
        ("12.7.0.1", False),
    ],
)
def test_only_a_registry_on_this_machine_may_do_without_a_certificate(
    registry: str, plain: bool
) -> None:
    [told] = Buildah().push(REFERENCE, f"{registry}/echo:1", Path("/digest"))
    assert ("--tls-verify=false" in told) is plain


@each
def test_a_look_into_a_base_has_no_network_and_leaves_no_container(commands: Commands) -> None:
    look = commands.look(BASE, ("python3", "-c", "print(1)"), "here")
    assert all("none" in told for told in look if "run" in told)
    assert look[-1][-2:] == ("-c", "print(1)")
    assert any("--rm" in told for told in look) or commands.leave("here")
