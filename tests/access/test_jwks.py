"""An issuer's keys as they change, while it answers and while it does not."""

from __future__ import annotations

import asyncio

import pytest

from catnap.access.jwks import KEEP, PAUSE, REFRESH, Jwks
from catnap.errors import Unauthenticated, Unavailable

NOW = 1_800_000_000.0


class Source:
    """What is read, and how often. A reading ends when it may `go`."""

    def __init__(self) -> None:
        self.keys: dict[str, str] | None = {"one": "key of one"}
        self.reads = 0
        self.go = asyncio.Event()
        self.go.set()

    async def read(self) -> dict[str, str]:
        self.reads += 1
        await self.go.wait()
        if self.keys is None:
            raise Unavailable("nobody answers")
        return dict(self.keys)


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
def jwks(source: Source) -> Jwks[str, str]:
    return Jwks("https://issuer.example", source.read)


async def settled() -> None:
    """Lets what was begun in the background end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_are_read_once_and_then_known(jwks: Jwks[str, str], source: Source) -> None:
    for seconds in (0.0, 1.0, REFRESH - 1):
        assert await jwks.find("one", NOW + seconds) == "key of one"
    assert source.reads == 1


async def test_a_new_key_is_taken_up_when_a_token_names_it(
    jwks: Jwks[str, str], source: Source
) -> None:
    await jwks.find("one", NOW)
    source.keys = {"one": "key of one", "two": "key of two"}
    assert await jwks.find("two", NOW + PAUSE) == "key of two"


async def test_names_that_nobody_knows_do_not_make_the_issuer_busy(
    jwks: Jwks[str, str], source: Source
) -> None:
    await jwks.find("one", NOW)
    for number in range(100):
        with pytest.raises(Unauthenticated, match="no such key"):
            await jwks.find(f"made up {number}", NOW + PAUSE + number / 100)
    assert source.reads == 2
    assert await jwks.find("one", NOW + PAUSE + 1) == "key of one"


async def test_a_key_that_was_taken_back_is_good_no_longer_than_a_refresh(
    jwks: Jwks[str, str], source: Source
) -> None:
    await jwks.find("one", NOW)
    source.keys = {"two": "key of two"}
    await jwks.find("one", NOW + REFRESH)  # the last: it began a reading
    await settled()
    with pytest.raises(Unauthenticated, match="no such key"):
        await jwks.find("one", NOW + REFRESH + 1)


async def test_known_keys_are_not_waited_for_while_they_are_read_again(
    jwks: Jwks[str, str], source: Source
) -> None:
    await jwks.find("one", NOW)
    source.go.clear()
    assert await jwks.find("one", NOW + REFRESH) == "key of one"
    await settled()
    assert source.reads == 2
    await jwks.close()


async def test_known_keys_outlive_an_outage_until_they_are_too_old(
    jwks: Jwks[str, str], source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    await jwks.find("one", NOW)
    source.keys = None
    for seconds in (REFRESH, KEEP - 1):
        assert await jwks.find("one", NOW + seconds) == "key of one"
        await settled()
    with pytest.raises(Unauthenticated, match="no such key"):
        await jwks.find("two", NOW + KEEP - 1)
    with pytest.raises(Unavailable, match=r"issuer\.example cannot be read: nobody answers"):
        await jwks.find("one", NOW + KEEP)
    source.keys = {"one": "key of one"}
    with pytest.raises(Unavailable):
        await jwks.find("one", NOW + KEEP + PAUSE - 2)
    assert await jwks.find("one", NOW + KEEP + PAUSE) == "key of one"
    assert "nobody answers" in caplog.text


async def test_an_issuer_that_never_answered_is_unavailable(
    jwks: Jwks[str, str], source: Source
) -> None:
    source.keys = None
    for seconds in (0.0, 1.0):
        with pytest.raises(Unavailable):
            await jwks.find("one", NOW + seconds)
    assert source.reads == 1


async def test_many_at_once_read_once(jwks: Jwks[str, str], source: Source) -> None:
    source.go.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(jwks.find("one", NOW)) for _ in range(20)]
        tasks[0].cancel()  # whoever leaves takes nobody along
        await settled()
        source.go.set()
    assert [task.result() for task in tasks[1:]] == ["key of one"] * 19
    assert source.reads == 1


async def test_an_issuer_that_talks_too_slowly_does_not_answer(
    jwks: Jwks[str, str], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catnap.access.jwks.PATIENCE", 0.0)
    source.go.clear()
    with pytest.raises(Unavailable, match="it took more than"):
        await jwks.find("one", NOW)
    source.go.set()
    monkeypatch.undo()
    assert await jwks.find("one", NOW + PAUSE) == "key of one"


async def test_a_clock_that_is_set_back_keeps_no_key_unread(
    jwks: Jwks[str, str], source: Source
) -> None:
    await jwks.find("one", NOW)
    source.keys = {"two": "key of two"}
    assert await jwks.find("two", NOW - 3600) == "key of two"
