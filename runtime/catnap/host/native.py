"""Functions marked with @skill."""

from __future__ import annotations

from functools import partial
from typing import Any

from catnap.host.call import Answer, Call
from catnap.host.stream import NDJSON, RAW, SSE, Form, Stream
from catnap.host.threads import Threads
from catnap.http.errors import UnsupportedMediaType
from catnap.skills import Skill


class Native:
    """A skill: typed payload in, encoded answer out."""

    kind = "catnap"
    methods: tuple[str, ...] = ("POST",)

    def __init__(self, skill: Skill, threads: Threads) -> None:
        self.skill = skill
        self._threads = threads

    def overdue(self, now: float) -> bool:
        return self._threads.overdue(now)

    async def answer(self, call: Call) -> Answer:
        arguments = self._arguments(call)
        if self.skill.is_stream:
            return await self._stream(call, arguments)
        if self.skill.is_async:
            result = await self.skill.function(*arguments)
        else:
            result = await self._threads.run(
                partial(self.skill.function, *arguments), deadline=call.expires
            )
        content_type, data = self.skill.encode(result)
        return Answer(200, [(b"content-type", content_type.encode())], data)

    def _arguments(self, call: Call) -> tuple[Any, ...]:
        event, takes_json = call.event, self.skill.takes_request and self.skill.input is not bytes
        if takes_json and event.data and not _is_json(event.datacontenttype):
            raise UnsupportedMediaType(
                f"the payload is {event.datacontenttype!r}: send JSON, with "
                "Content-Type: application/json"
            )
        return self.skill.arguments(call.context, event.data or b"")

    async def _stream(self, call: Call, arguments: tuple[Any, ...]) -> Answer:
        form = self._form(call.request.headers.get(b"accept", b""))
        stream = Stream(self.skill.function(*arguments), form)
        # Until the first item is there an error can still have its own status.
        await stream.begin()
        headers = [(b"content-type", form.content_type), (b"cache-control", b"no-store")]
        return Answer(200, headers, stream)

    def _form(self, accept: bytes) -> Form:
        if b"text/event-stream" in accept.lower():
            return SSE
        return RAW if self.skill.output is bytes else NDJSON


def _is_json(content_type: str | None) -> bool:
    """No type means JSON, as the JSON format of CloudEvents has it. So does
    a form: it is what `curl -d` says of anything, and no skill takes forms."""
    if content_type in (None, "application/x-www-form-urlencoded"):
        return True
    media_type, _, parameters = content_type.lower().partition(";")
    if not media_type.strip().endswith(("/json", "+json")):
        return False
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    return charset in ("", "utf-8", "utf8", "us-ascii")
