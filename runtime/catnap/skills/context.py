"""What a skill knows about its call, and what it can ask of the platform."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from catnap.errors import DeadlineExceeded, SkillError, Unavailable
from catnap.events import Event, to_binary
from catnap.skills.files import Files
from catnap.skills.gateway import Gateway, NoGateway
from catnap.skills.models import Models
from catnap.skills.quoting import quote

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class Context(msgspec.Struct, eq=False, dict=True, weakref=True):
    """One call of a skill.

    `deadline` is seconds since the epoch, None where there is none. Whatever
    the Context does, it does for this tenant, user, session and task.
    """

    event: Event
    tenant: str = ""
    user: str = ""
    session: str = ""
    task: str = ""
    parent: str = ""
    traceparent: str = ""
    deadline: float | None = None
    gateway: Gateway = msgspec.field(default_factory=NoGateway)
    loop: asyncio.AbstractEventLoop | None = None
    folder: str = ""
    """Of the session, see `workspace`; empty for none."""

    @cached_property
    def files(self) -> Files:
        """The user's files; `.session` and `.task` hold those of the session
        and of this task."""
        return Files(self.gateway)

    @cached_property
    def models(self) -> Models:
        """The shared models."""
        return Models(self.gateway)

    @property
    def workspace(self) -> Path:
        """A real folder that is the session's own at this skill: what is in it
        after a call is there in the next one, on whichever instance.

        It wants `workspace = true` under `[session]` in skill.toml. Files,
        folders and links are kept, with their modes; devices, sockets and pipes
        are not. What need not last belongs into TMPDIR. Raises Unavailable
        where the call has no session, or runs beside its session's instance as
        a child call may, and where the platform keeps no workspaces.
        """
        if not self.folder:
            raise Unavailable(
                "ctx.workspace: this call has none: it takes a session, and workspace = true "
                "under [session] in skill.toml; a child call that its session's own instance "
                "has no room for has none either"
            )
        from pathlib import Path  # a twentieth of a cold start, for those who ask

        return Path(self.folder)

    @cached_property
    def _emitted(self) -> Counter[str]:
        return Counter()

    @property
    def proxy(self) -> str:
        """The URL of the proxy that leads out, for any HTTP client:
        `httpx.AsyncClient(proxy=ctx.proxy)`, or `requests.get(url,
        proxies={"https": ctx.proxy})`.

        It takes HTTPS to the hosts of `[egress] allow`, until this call ends:
        make the client within the call. It holds the call's Grant, so keep it
        out of logs. Raises Unavailable where there is no proxy.
        """
        return self.gateway.proxy

    def secret(self, name: str) -> str:
        """A secret of this skill: one that `[secrets]` of its skill.toml names
        and `catnap secrets set` has set. Keep it out of answers; in what the
        skill writes it is redacted.

        Raises Unavailable where it was not set when the instance started.
        """
        from catnap.skills.secrets import secret  # few skills have any

        return secret(name)

    async def install(self, *requirements: str) -> dict[str, str]:
        """Installs packages for this session: `await ctx.install("pandas==2.2.*")`,
        and then `import pandas`. What is there already takes no time. Gives the
        versions of all that the session has by name.

        It wants `share = "session"` under `[session]` in skill.toml, and there
        `allow` under `[packages]`, which has the names; what they depend on comes
        with them. Only wheels are installed. With `workspace = true` they are
        there again in each call of the session, wherever it wakes; else as long
        as the instance lives. What is imported already stays what it is.

        Raises InvalidRequest for what is no requirement, or cannot be satisfied,
        PermissionDenied for what is not allowed, and Unavailable.
        """
        from catnap.skills.install import install  # few skills install anything

        return await install(self, requirements)

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below 0; None if there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    async def call(self, skill: str, payload: Any = None, *, output: type[T] | Any = Any) -> Any:
        """Calls another skill for the same user and gives back its answer.

        payload: anything msgspec encodes as JSON; None sends none. output: the
        type to read the answer as. Raises the error that the other skill ended
        with, and SkillError where its answer is of another type.
        """
        answer = await self.gateway.request(
            "POST",
            f"/callback/skills/{quote(skill)}",
            [(b"content-type", b"application/json")],
            b"" if payload is None else msgspec.json.encode(payload),
        )
        data = await answer.read()
        if answer.headers.get(b"content-type", b"").startswith(b"application/json"):
            try:
                return msgspec.json.decode(data, type=output)
            except msgspec.ValidationError as error:
                raise SkillError(f"the answer of {skill!r} does not fit: {error}") from None
        return data

    async def emit(
        self,
        type: str,  # noqa: A002
        data: Any = None,
        *,
        subject: str | None = None,
        id: str = "",  # noqa: A002
    ) -> None:
        """Sends an event; it is kept and delivered to every trigger it matches.

        An event is accepted once for each id within the task. By default the
        id stands for type, subject and data, and for how many of just these
        the call has emitted. So an attempt that is repeated emits in any
        order what it emitted before, and that is not delivered again; what
        is new or different, such as data with a time of day in it, is. Where
        that should count as the same, name the event by an `id`.
        """
        encoded = msgspec.json.encode(data, order="deterministic")
        event = Event(
            id=id or self._event_id(type, subject, encoded),
            source=f"/tasks/{self.task}",
            type=type,
            subject=subject,
            datacontenttype="application/json",
            data=encoded,
        )
        headers, body = to_binary(event)
        await self.gateway.request("POST", "/callback/events", headers, body)

    def reply(
        self,
        type: str,  # noqa: A002
        data: Any = None,
        *,
        subject: str | None = None,
    ) -> Event:
        """An event to answer with: `return ctx.reply("com.example.read", reading)`.

        data: anything msgspec encodes as JSON. Its id is the task's, so that an
        attempt that is repeated answers with the same event.
        """
        task = self.task or os.urandom(16).hex()
        return Event(
            id=task,
            source=f"/tasks/{task}",
            type=type,
            subject=subject,
            datacontenttype="application/json",
            data=msgspec.json.encode(data),
        )

    def _event_id(self, type: str, subject: str | None, data: bytes) -> str:  # noqa: A002
        from hashlib import blake2b  # OpenSSL: 1 ms and 3 MiB that few skills need

        told = msgspec.json.encode((type, subject, msgspec.Raw(data)))
        digest = blake2b(told, digest_size=12).hexdigest()
        self._emitted[digest] += 1
        return f"{self.task}-{digest}-{self._emitted[digest]}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """For a skill written without async: runs `ctx.files.read(...)` and
        the like on the host's loop and waits."""
        if self.loop is None:
            return asyncio.run(work)
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(self.remaining())
        except TimeoutError:
            if future.done():
                raise  # the work's own, not ours
            future.cancel()
            raise DeadlineExceeded("the call's deadline passed") from None
