"""catnap build, where it cannot do what it should."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def skill(alone: Cli) -> None:
    assert alone("new", "hello").status == 0


def test_a_skill_that_is_not_there_is_named(alone: Cli) -> None:
    done = alone("build", "nothing")
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("catnap: no skill 'nothing' in functions")


@pytest.mark.usefixtures("skill")
def test_without_a_builder_it_says_what_to_install(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CATNAP_BUILDER", raising=False)
    done = alone("build", "hello")
    assert done.status == 7
    assert "needs docker, podman or buildah" in done.err
    assert "apt-get install buildah" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("skill")
def test_a_builder_that_does_not_answer_is_told(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'is the docker daemon running?' >&2; exit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CATNAP_BUILDER", "docker")
    done = alone("build", "hello")
    assert done.status == 7
    assert "docker says: is the docker daemon running?" in done.err


@pytest.mark.usefixtures("skill")
def test_where_to_publish_is_asked_before_anything_is_built(
    alone: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REGISTRY", "LOAD_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    done = alone("build", "hello", "--publish")
    assert done.status == 2
    assert "set REGISTRY" in done.err
    assert not Path(".catnap", "containers").exists()
