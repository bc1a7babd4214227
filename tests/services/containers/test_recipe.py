"""A recipe: what its tag, its labels and its Dockerfile say."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from catnap.services.containers.base import Base
from catnap.services.containers.recipe import Recipe

BASE = Base("python:3.11", "sha256:1", "sha256:2", "3.11", "x86_64-manylinux_2_28")
RECIPE = Recipe(
    name="echo",
    version="1.0",
    description="Echoes.",
    lock="aa",
    parts="bb",
    content="cc",
    place="/skill",
    entrypoint=("/catnap/bin/python", "-m", "catnap.host", "/skill"),
    commit="0123abc",
)


def test_the_same_recipe_has_the_same_tag() -> None:
    assert RECIPE.tag(BASE) == replace(RECIPE).tag(replace(BASE))


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe)])
def test_each_part_of_a_recipe_is_in_its_tag(field: str) -> None:
    changed: dict[str, Any] = {field: ("other",) if field == "entrypoint" else "other"}
    assert replace(RECIPE, **changed).tag(BASE) != RECIPE.tag(BASE)


def test_what_is_in_the_base_is_in_the_tag_and_not_what_it_is_called() -> None:
    assert RECIPE.tag(replace(BASE, reference="mirror/python:3.11")) == RECIPE.tag(BASE)
    assert RECIPE.tag(replace(BASE, id="sha256:3")) != RECIPE.tag(BASE)


def test_the_labels_name_the_commit_the_lock_and_the_base() -> None:
    labels = RECIPE.labels(BASE)
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert labels["org.opencontainers.image.base.digest"] == "sha256:2"
    assert labels["dev.catnap.lock"] == "sha256:aa"


def test_what_is_not_known_has_no_label() -> None:
    labels = replace(RECIPE, commit="").labels(replace(BASE, digest=""))
    assert "org.opencontainers.image.revision" not in labels
    assert "org.opencontainers.image.base.digest" not in labels


def test_the_dockerfile_is_filled_in_and_asks_for_nothing_but_the_base() -> None:
    text = RECIPE.dockerfile(BASE)
    assert "@" not in text
    assert [line for line in text.splitlines() if line.startswith("ARG")] == ["ARG BASE"]
    assert 'ENTRYPOINT ["/catnap/bin/python","-m","catnap.host","/skill"]' in text
    assert "USER 65532:65532" in text


def test_a_description_cannot_leave_its_label() -> None:
    told = replace(RECIPE, description='a "b"\nUSER root $PATH').dockerfile(BASE)
    assert r'"a \"b\" USER root \$PATH"' in told
    assert not [line for line in told.splitlines() if line.startswith("USER root")]
