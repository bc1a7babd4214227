from __future__ import annotations

import math

import pytest

from catnap.skills.duration import Duration, roughly


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("500ms", 0.5), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("7d", 604800), (3, 3), (0.5, 0.5)],
)
def test_a_length_of_time_is_read_as_people_write_it(value: object, seconds: float) -> None:
    assert Duration.parse(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "5", "5 m", "-5s", "1e3s", "inf", "٣s", "5S", f"{'9' * 400}d"),
        *(None, True, [], -1, math.inf, math.nan),
    ],
)
def test_what_is_none_is_refused_with_examples(value: object) -> None:
    with pytest.raises(ValueError, match="write for example 500ms, 90s, 15m"):
        Duration.parse(value)


@pytest.mark.parametrize("text", ["0s", "90s", "500ms", "1500ms", "86400s"])
def test_it_is_written_as_it_can_be_read(text: str) -> None:
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.05, "0.05 s"),
        (99.94, "99.9 s"),
        (100, "2 min"),
        (14379.5, "4 h 0 min"),
        (10.0**6, "277 h 47 min"),
    ],
)
def test_a_time_to_wait_is_said_roughly(seconds: float, said: str) -> None:
    assert roughly(seconds) == said
