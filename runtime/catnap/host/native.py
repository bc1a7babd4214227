"""Functions marked with @skill."""

from __future__ import annotations

from functools import partial
from typing import Any

from catnap.events import Event
from catnap.events.media_types import charset, is_json
from catnap.host.accept import choose
from catnap.host.call import Answer, Call
from catnap.host.chunks import Chunks
from catnap.host.replies import only_events
from catnap.host.steps import Steps
from catnap.host.stream import NDJSON, RAW, SSE, Form, Stream, gather
from catnap.host.threads import Threads
from catnap.http import Request
from catnap.http.errors import UnsupportedMediaType
from catnap.skills import Skill
from catnap.skills.answer import encode


class Native:
    """A skill: typed payload in, encoded answer out."""

    kind = "catnap"
    methods: tuple[str, ...] = ("POST",)

    def __init__(self, skill: Skill, threads: Threads) -> None:
        self.skill = skill
        self.takes_stream = skill.takes_stream
        self._threads = threads

    def overdue(self, now: float) -> bool:
        return self._threads.overdue(now)

    async def answer(self, call: Call) -> Answer:
        skill, arguments = self.skill, self._arguments(call)
        if skill.is_stream:
            return await self._stream(call, arguments)
        if skill.is_async:
            result = await skill.function(*arguments)
        else:
            result = await self._threads.run(
                partial(skill.function, *arguments), deadline=call.expires
            )
        lines, data = encode(result)
        if only_events(call.request) and not isinstance(result, Event):
            return Answer(202, [], b"")
        return Answer(200, [], data, lines=lines)

    def _arguments(self, call: Call) -> tuple[Any, ...]:
        skill, event = self.skill, call.event
        if call.arriving:
            body = call.request.body
            return call.context, body if skill.is_async else Chunks(body, call.context)
        if event.data and skill.takes_json and not _is_json(event.datacontenttype):
            raise UnsupportedMediaType(
                f"the payload is {event.datacontenttype!r}: send JSON, with "
                "Content-Type: application/json"
            )
        return skill.arguments(call.context, event.data or b"")

    async def _stream(self, call: Call, arguments: tuple[Any, ...]) -> Answer:
        parts = self.skill.function(*arguments)
        if not self.skill.is_async:
            parts = Steps(parts, self._threads, call.expires)
        if only_events(call.request):
            await gather(parts)
            return Answer(202, [], b"")
        form = self._form(call.request)
        if form is None:
            return Answer(200, [_JSON], await gather(parts))
        stream = Stream(parts, form)
        # Until the first item is there an error can still have its own status.
        await stream.begin()
        headers = [(b"content-type", form.content_type), (b"cache-control", b"no-store")]
        return Answer(200, headers, stream, form.idle)

    def _form(self, request: Request) -> Form | None:
        """None for one JSON array, which is no stream. Bytes have one form
        only, whatever is asked for, as those of a whole answer have."""
        if self.skill.output is bytes:
            return RAW
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        return _FORMS[choose(accept, tuple(_FORMS))]


_JSON = (b"content-type", b"application/json")
_FORMS: dict[str, Form | None] = {
    "application/x-ndjson": NDJSON,
    "text/event-stream": SSE,
    "application/json": None,
}


# No type means JSON, as the JSON format of CloudEvents has it. So does a form:
# it is what `curl -d` says of anything, and no skill takes forms.
_AS_GOOD_AS_JSON = (None, "application/json", "application/x-www-form-urlencoded")


def _is_json(content_type: str | None) -> bool:
    return content_type in _AS_GOOD_AS_JSON or (
        is_json(content_type) and charset(content_type) in ("", "utf-8", "utf8", "us-ascii")
    )
