"""Generated requests: what is well-formed is answered, all else refused, and
the host is as it was before.

HOSTILE_REQUESTS says how many spoilt ones there are, HOSTILE_SEED which ones.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from catnap.errors import InvalidRequest
from catnap.events import Event, decode, to_binary, to_structured
from catnap.events.decode import is_event
from catnap.http import Limits, Request
from catnap.http.request_parser import RequestParser

from .hostile.corpus import Conversation, conversations, draw, shrink
from .hostile.host import PROC, Host, hosting
from .hostile.messages import Message, messages
from .hostile.talk import AT_ONCE, judge, talk

REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "6000"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))

GOOD = Message(
    b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 26\r\n\r\n{"text":"x","numbers":[1]}',
    answer={"text": "x", "numbers": [1]},
)
LAST = Message(
    GOOD.raw.replace(b"host: a", b"connection: close\r\nhost: a"), 200, GOOD.answer, True
)
GROWTH = 6 << 20
"""Bytes that a host may grow by, however many requests it had."""


pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosting(tmp_path_factory.mktemp("hostile")) as one:
        yield one


@pytest.fixture(scope="module")
def pool() -> list[Message]:
    """Whole requests, to be spoilt."""
    return draw(messages(), REQUESTS // 20, SEED)


@seed(SEED)
@settings(
    max_examples=max(100, REQUESTS // 40),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(messages(), min_size=1, max_size=4))
def test_what_is_well_formed_gets_its_answer(host: Host, said: list[Message]) -> None:
    said = [*said, LAST]
    answered = said[: [message.closes for message in said].index(True) + 1]
    raw = b"".join(message.raw for message in said)
    conversation = Conversation(tuple(answered), (raw,))
    answers = judge(conversation, asyncio.run(talk(host.path, conversation)))
    assert len(answers) == len(answered)
    for message, answer in zip(answered, answers, strict=True):
        if message.status == 200:
            assert json.loads(answer.body) == message.answer


def test_what_is_spoilt_is_refused_and_the_host_is_as_it_was(
    host: Host, pool: list[Message]
) -> None:
    corpus = conversations(pool, REQUESTS, SEED)
    fifth = 0
    done = 0
    while batch := list(itertools.islice(corpus, 20 * AT_ONCE)):
        asyncio.run(_send(host, batch))
        done += sum(len(conversation.before) + 1 for conversation in batch)
        if not fifth and done >= REQUESTS / 5:
            fifth = host.resident if PROC else 1
    assert not host.logged()
    if PROC:
        assert host.resident < fifth + GROWTH


async def test_what_the_codec_takes_of_it_it_can_write_again(pool: list[Message]) -> None:
    taken = refused = 0
    for request in requests(conversations(pool, REQUESTS, SEED)):
        body = await request.body.read()
        if not is_event(request.headers):
            continue
        try:
            event = decode(request.headers, body)
        except InvalidRequest:
            refused += 1
            continue
        taken += 1
        for write in (to_binary, to_structured):
            headers, data = write(event)
            again = decode(dict(headers), data)
            assert _unspaced(again) == _unspaced(event), f"HOSTILE_SEED={SEED}: {event!r}"
    assert taken > REQUESTS / 20
    assert refused > REQUESTS / 50


def requests(corpus: Iterator[Conversation]) -> Iterator[Request]:
    """Those of a corpus that are whole, as they would reach a handler."""
    for conversation in corpus:
        found: list[Request] = []
        parser = RequestParser(
            Limits(), time.monotonic, on_request=found.append, on_drain=_nothing, on_wait=_nothing
        )
        with suppress(InvalidRequest):
            for piece in conversation.pieces:
                parser.feed(piece)
        yield from (request for request in found if request.body.done)


def _nothing() -> None: ...


def _unspaced(event: Event) -> Event:
    """White space around JSON, and data without a byte, mean nothing."""
    return replace(event, data=(event.data or b"").strip(b" \t\r\n") or None)


async def _send(host: Host, batch: list[Conversation]) -> None:
    """Each conversation, some at a time; after them the host does its work."""
    left = iter(batch)

    async def some() -> tuple[Conversation, str] | None:
        for conversation in left:
            if what := await _wrong(host, conversation):
                return conversation, what
        return None

    found = await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    suspects = [suspect for suspect in found if suspect]
    if suspects:
        pytest.fail(await _explain(host, batch, suspects))
    assert not await _wrong(host, Conversation((GOOD,), (GOOD.raw,)))


async def _wrong(host: Host, conversation: Conversation) -> str:
    """What is wrong with what the host said, there or to its log; or nothing."""
    logged = host.logged()
    try:
        judge(conversation, await talk(host.path, conversation))
    except (AssertionError, OSError) as error:
        return repr(error)
    return host.logged().removeprefix(logged)


async def _explain(
    host: Host, batch: list[Conversation], suspects: list[tuple[Conversation, str]]
) -> str:
    """What it takes to see it again: the fewest bytes that still go wrong."""

    async def fails(raw: bytes) -> bool:
        return bool(await _wrong(host, Conversation((), (raw,))))

    found, what = suspects[0]
    for conversation in batch:  # one by one: it may have been another's log
        if alone := await _wrong(host, conversation):
            found, what = conversation, alone
            break
    said = f"HOSTILE_SEED={SEED}: {what}\nto: {found.pieces!r}"
    least = await shrink(found.raw, fails)
    return said if least == found.raw else f"{said}\nand to: {least!r}"
