"""Ids: which there are, and that each is one part of a path."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.events.ids import check_id, path_part

LONG = ["é" * 128, "é" * 127 + "e", "x" * 256, "日" * 85]


@pytest.mark.parametrize("value", ["a", "..", "a/b", "Ünïcode", *LONG])
def test_an_id_is_kept_as_it_is(value: str) -> None:
    assert check_id("user", value) == value


@pytest.mark.parametrize(
    "value", ["", "*", "x" * 257, "é" * 129, "a\0", "a\n", "\x85", "\ud800", "\uffff"]
)
def test_an_id_that_no_event_can_carry_is_refused_by_kind(value: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^user "):
        check_id("user", value)


@given(st.text(min_size=1, max_size=256) | st.sampled_from([".", "..", "%2E", *LONG]))
def test_a_part_is_one_name_in_any_folder(value: str) -> None:
    try:
        part = path_part(check_id("user", value))
    except InvalidRequest:
        return
    assert part.isascii()
    assert part.isprintable()
    assert os.sep not in part
    assert part not in (".", "..")
    assert 0 < len(part) <= 255


def test_different_ids_are_different_parts() -> None:
    ids = [".", "..", "%2E", "%2E%2E", "a/b", "a%2Fb", "A", "a", "x" * 255, *LONG]
    ids += [path_part(each) for each in LONG]
    assert len({path_part(each) for each in ids}) == len(set(ids))
