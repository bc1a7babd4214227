"""Durations by bucket."""

from __future__ import annotations

import pytest

from catnap.calls.histogram import Histogram


def test_a_quantile_is_as_near_as_the_buckets_tell() -> None:
    found = Histogram()
    for milliseconds in range(1, 101):
        found.add(milliseconds / 1000)
    assert found.quantile(0.5) == pytest.approx(0.05, rel=0.05)
    assert found.quantile(0.95) == pytest.approx(0.095, rel=0.05)


def test_none_has_no_quantile_and_what_is_beyond_the_buckets_has_their_last() -> None:
    found = Histogram()
    assert found.quantile(0.5) is None
    found.add(1000.0)
    assert found.quantile(0.5) == 300
