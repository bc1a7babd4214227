"""Rounds that never end."""

from __future__ import annotations

import asyncio

import pytest

from catnap.services.local.rounds import every


async def test_a_round_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds = iter(range(3))

    async def work() -> None:
        if next(rounds) < 2:
            raise IndexError("a short read")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await every(0, work)
    assert [str(each.exc_info[1]) for each in caplog.records if each.exc_info] == [
        "a short read",
        "a short read",
    ]
