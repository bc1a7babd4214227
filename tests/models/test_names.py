"""Which model a request is for."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from catnap.errors import NotFound
from catnap.models.names import Names
from catnap.models.settings import Canary, Model

NAMES = Names(
    {
        "writer": Model(
            servers=("w:1",),
            version="1",
            aliases=("default", "gpt-4o"),
            canary=Canary(version="2", servers=("w:2",), percent=10),
        ),
        "private": Model(servers=("p:1",), tenants=("acme",)),
    }
)


def test_a_model_is_found_by_its_name_and_its_aliases() -> None:
    for name in ("writer", "default", "gpt-4o"):
        found = NAMES.choose(name, "", "acme", 0.99)
        assert (found.name, found.version, found.canary) == ("writer", "1", False)


def test_a_canary_gets_its_part_and_who_names_it() -> None:
    chance = random.Random(1).random
    versions = Counter(NAMES.choose("writer", "", "a", chance()).version for _ in range(5000))
    assert 400 <= versions["2"] <= 600
    assert NAMES.choose("writer", "2", "a", 0.99).canary


def test_a_version_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="no version '3'; there is 1, 2"):
        NAMES.choose("writer", "3", "a", 0.0)


def test_another_tenants_model_is_as_unknown_as_none() -> None:
    assert NAMES.choose("private", "", "acme", 0.0).name == "private"
    assert [name for name, _ in NAMES.visible("rival")] == ["writer"]
    with pytest.raises(NotFound, match="there is no model 'private'"):
        NAMES.choose("private", "", "rival", 0.0)
    with pytest.raises(NotFound, match="writer"):
        NAMES.choose("privates", "", "rival", 0.0)


def test_who_mistypes_is_told_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'writer'"):
        NAMES.choose("writter", "", "a", 0.0)


def test_where_models_toml_names_no_version_the_servers_know_theirs() -> None:
    names = Names({"any": Model(servers=("a:1",))})
    assert names.choose("any", "7", "a", 0.0).version == "7"
    assert names.choose("any", "", "a", 0.0).version == ""


def test_a_name_as_long_as_a_body_is_neither_compared_nor_repeated() -> None:
    with pytest.raises(NotFound) as unknown:
        NAMES.choose("writer" * 1_000_000, "", "a", 0.0)
    with pytest.raises(NotFound) as version:
        NAMES.choose("writer", "3" * 1_000_000, "a", 0.0)
    assert max(len(each.value.message) for each in (unknown, version)) < 400
