"""A Catnap skill under the stock `functions-framework` command.

There is no platform then: no Grant, so no files, models or child calls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from catnap.errors import CONTENT_TYPE as PROBLEM
from catnap.errors import CatnapError, to_problem
from catnap.events import Event, decode
from catnap.events.decode import is_event
from catnap.skills.answer import encode
from catnap.skills.context import Context

if TYPE_CHECKING:
    from catnap.skills.decorator import Skill

Answer = tuple[bytes, int, dict[str, str]]


def answer(skill: Skill, request: Any) -> Answer:
    """What Flask should answer to its `request`."""
    headers = {name.lower().encode(): value.encode() for name, value in request.headers}
    body: bytes = request.get_data()
    try:
        event = decode(headers, body) if is_event(headers) else _plain(headers, body)
        result = skill.function(*skill.arguments(Context(event=event), event.data or b""))
        if skill.is_async:
            result = asyncio.run(_collect(skill, result))
        elif skill.is_stream:
            result = list(result)
        fields, data = encode(result)
    except CatnapError as error:
        return to_problem(error), error.http, {"content-type": PROBLEM}
    return data, 200, {name.decode(): value.decode() for name, value in fields}


def _plain(headers: dict[bytes, bytes], body: bytes) -> Event:
    content_type = headers.get(b"content-type", b"application/json").decode()
    return Event(
        id="0", source="/", type="catnap.call", datacontenttype=content_type, data=body or None
    )


async def _collect(skill: Skill, result: Any) -> Any:
    return [part async for part in result] if skill.is_stream else await result
