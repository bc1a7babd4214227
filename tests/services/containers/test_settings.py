"""What the environment says of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.services.containers import BuildSettings, check


def test_an_empty_environment_gives_what_most_have() -> None:
    assert BuildSettings.read({}) == BuildSettings()
    assert BuildSettings.read({"CATNAP_BASE": "", "CATNAP_HOME": ""}) == BuildSettings()


def test_each_variable_is_read() -> None:
    assert BuildSettings.read(
        {
            "CATNAP_BASE": "python:3.12",
            "REGISTRY": "registry.example/team/",
            "LOAD_COMMAND": "kind load image-archive",
            "CATNAP_BUILDER": "podman",
            "CATNAP_HOME": "/home",
            "CATNAP_COMMIT": "0123abc",
        }
    ) == BuildSettings(
        base="python:3.12",
        registry="registry.example/team",
        load_command="kind load image-archive",
        builder="podman",
        home=Path("/home"),
        commit="0123abc",
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CATNAP_BUILDER", "kaniko", "one of docker, podman, buildah"),
        ("REGISTRY", "https://registry.example", "without a scheme"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(name: str, value: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name}=.*{said}"):
        BuildSettings.read({name: value})


def test_publishing_needs_to_know_where_to() -> None:
    with pytest.raises(InvalidRequest, match=r"set REGISTRY .* or LOAD_COMMAND"):
        check(BuildSettings())
    check(BuildSettings(registry="registry.example"))
    check(BuildSettings(load_command="kind load image-archive"))
