"""Which snapshot a number or a moment means."""

import pytest

from catnap.errors import InvalidRequest, NotFound
from catnap.workspaces import Snapshot, chosen

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
HISTORY = [Snapshot(number, "m", 1, 1, NOON + 60 * number) for number in (3, 2, 1)]


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("1", 1),
        ("3", 3),
        ("2026-01-01T12:02:00Z", 2),
        ("2026-01-01T12:02:59", 2),
        ("2026-01-01T14:01:30+02:00", 1),
        ("2026-01-02", 3),
    ],
)
def test_the_one_that_is_meant(at: str, number: int) -> None:
    assert chosen(HISTORY, at).number == number


@pytest.mark.parametrize("at", ["0", "4", "2026-01-01T12:00:00Z"])
def test_none_that_was_there(at: str) -> None:
    with pytest.raises(NotFound, match="there is 1, 2, 3"):
        chosen(HISTORY, at)


@pytest.mark.parametrize("at", ["", "-1", "²", "noon", "1.5"])
def test_what_names_none(at: str) -> None:
    with pytest.raises(InvalidRequest, match="neither"):
        chosen(HISTORY, at)
