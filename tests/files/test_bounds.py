"""The bounds of files, as a setting says them."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.files.bounds import Bounds


def test_bounds_are_read() -> None:
    assert Bounds.parse("") == Bounds()
    assert Bounds.parse("scope=10GB tasks=30d") == Bounds(10**10, 0, 30 * 86400)
    assert Bounds.parse(" sessions=12h scope=5 ") == Bounds(5, 12 * 3600, 0)


@pytest.mark.parametrize(
    "text",
    [
        "scope",
        "scope=",
        "scope=1KB",
        "scope=-1",
        "tasks=5",
        "tasks=1y",
        "user=1",
        "scope=1 scope=2",
    ],
)
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        Bounds.parse(text)
