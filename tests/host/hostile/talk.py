"""Says what it is told to a host, on many connections at once."""

from __future__ import annotations

import asyncio

from .answers import Answer, Partial, check, read_answers
from .corpus import Conversation

AT_ONCE = 64
QUIET = 0.1
"""Seconds without a word after which the host is believed to wait for more:
then it is told that there is no more."""
PATIENCE = 30.0
"""Seconds after which it hangs."""


class Talk(asyncio.Protocol):
    """One connection. `heard` is all that the host said until it closed, which
    it is told to once what was whole has its answers."""

    def __init__(self, conversation: Conversation) -> None:
        self.heard = bytearray()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pieces = list(reversed(conversation.pieces))
        self._enough = len(conversation.before)
        self._looked = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._say()

    def _say(self) -> None:
        loop = asyncio.get_running_loop()
        if self._transport.is_closing():
            return
        if self._pieces:
            self._transport.write(self._pieces.pop())
            loop.call_soon(self._say)
        else:
            loop.call_later(QUIET, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        quiet = len(self.heard) == self._looked
        self._looked = len(self.heard)
        if quiet and self.heard.count(b"HTTP/1.1 ") >= self._enough:
            self._transport.write_eof()
        else:
            asyncio.get_running_loop().call_later(QUIET, self._look)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


async def talk(path: str, conversation: Conversation) -> bytes:
    """All that the host says until it closes. Raises AssertionError if it hangs."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_unix_connection(lambda: Talk(conversation), path)
    try:
        await asyncio.wait_for(protocol.closed, PATIENCE)
    except TimeoutError:
        raise AssertionError(f"it hangs after {bytes(protocol.heard)!r}") from None
    finally:
        transport.abort()
    return bytes(protocol.heard)


def judge(conversation: Conversation, heard: bytes) -> list[Answer]:
    """Raises AssertionError where what the host said is not right: whole
    requests must have their answers, all others a refusal or none."""
    try:
        answers = read_answers(heard, bodiless=b"HEAD" in conversation.raw)
    except Partial:
        raise AssertionError(f"half an answer: {heard!r}") from None
    wanted = [message.status for message in conversation.before]
    assert [answer.status for answer in answers[: len(wanted)]] == wanted, heard
    for answer in answers:
        check(answer)
    assert not any(answer.closes for answer in answers[:-1]), "it goes on after a close"
    return answers
