"""One call of a skill, as the host makes it and as its caller sees it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from catnap.errors import DeadlineExceeded
from catnap.events import Event
from catnap.skills.answer import JSON, encode
from catnap.skills.context import Context
from catnap.skills.decorator import ATTRIBUTE, Skill, skill
from catnap.skills.testing.gateway import FakeGateway


async def call(
    function: Callable[..., Any],
    payload: Any = None,
    *,
    gateway: FakeGateway | None = None,
    tenant: str = "default",
    user: str = "default",
    session: str = "",
    task: str = "task",
    timeout: float | None = None,
    workspace: str | os.PathLike[str] = "",
) -> Any:
    """Calls a skill and gives back what its caller reads.

    payload: an Event is delivered as it is, bytes are the body as it is, None
    is an empty one, anything else goes as JSON. A skill that takes a stream
    gets it as one chunk. The answer is bytes where the skill gave bytes, an
    Event where it gave one, a list of the parts of a stream, otherwise plain
    JSON values.

    workspace: the folder that `ctx.workspace` is.

    Raises what the skill raises, and DeadlineExceeded after `timeout`
    seconds. An exception that is no CatnapError comes through unchanged, so
    that the test shows it; a real caller reads SkillCrashed instead.
    """
    if not hasattr(function, ATTRIBUTE):
        function = skill(function)
    found: Skill = getattr(function, ATTRIBUTE)
    event = payload if isinstance(payload, Event) else _called(payload)
    context = Context(
        event=event,
        tenant=tenant,
        user=user,
        session=session,
        task=task,
        deadline=None if timeout is None else time.time() + timeout,
        gateway=(gateway or FakeGateway()).granted(tenant, user, session, task),
        loop=asyncio.get_running_loop(),
        folder=os.fspath(workspace),
    )
    arguments = found.arguments(context, event.data or b"")
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await _answer(found, arguments)
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded(f"the skill did not answer within {timeout:g} s") from None
        raise


async def _answer(found: Skill, arguments: tuple[Any, ...]) -> Any:
    if found.is_stream and found.is_async:
        return [_read(part) async for part in found.function(*arguments)]
    if found.is_stream:
        return [_read(part) for part in await asyncio.to_thread(_parts, found, arguments)]
    if found.is_async:
        return _read(await found.function(*arguments))
    return _read(await asyncio.to_thread(found.function, *arguments))


def _parts(found: Skill, arguments: tuple[Any, ...]) -> list[Any]:
    return list(found.function(*arguments))


def _called(payload: Any) -> Event:
    is_raw = isinstance(payload, bytes)
    return Event(
        id="call",
        source="/skills/test",
        type="catnap.skill.call",
        datacontenttype="application/octet-stream" if is_raw else "application/json",
        data=payload if is_raw or payload is None else msgspec.json.encode(payload),
    )


def _read(answer: Any) -> Any:
    lines, data = encode(answer)
    if isinstance(answer, Event):
        return answer
    return msgspec.json.decode(data) if lines == JSON else data
