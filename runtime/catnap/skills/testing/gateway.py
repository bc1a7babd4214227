"""The gateway's callback routes over dictionaries."""

from __future__ import annotations

import hashlib
import inspect
import mimetypes
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from catnap.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
)
from catnap.events import Event, decode
from catnap.http.message import MAX_BODY
from catnap.skills.decorator import ATTRIBUTE
from catnap.skills.files import File, Files, Page, Shared
from catnap.skills.gateway import Headers
from catnap.skills.testing.models import (
    Embed,
    Generate,
    Infer,
    embedded,
    generated,
    inferred,
    repeat,
)
from catnap.skills.testing.vectors import word_vectors

_PAGE = 1000


@dataclass(slots=True)
class FakeAnswer:
    """A response that is there already."""

    status: int = 200
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytes = b""

    @property
    def body(self) -> AsyncIterator[bytes]:
        return self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), 65536):
            yield self.data[start : start + 65536]

    async def read(self, limit: int = MAX_BODY) -> bytes:
        if len(self.data) > limit:
            raise PayloadTooLarge(f"the body has {len(self.data):,} bytes, the limit is {limit:,}")
        return self.data

    def close(self) -> None:
        """Nothing is held open."""


class FakeGateway:
    """The platform in memory, as one task of one user meets it.

    files: what the user has, by key; text is kept as UTF-8. embed: from texts
    to vectors, sync or async. skills: what `ctx.call` reaches, by name: a
    @skill function, or any function from payload to answer. models: the names
    that may be asked. generate: from what ctx.models.generate was asked for to
    the parts of a text; by default the prompt's words. infer: from a model's
    name and its inputs by name to its outputs. proxy: what `ctx.proxy` gives; by
    default one that no client can reach, so that a test which forgot to answer a
    request for the outside fails instead of sending it.

    What `ctx.install` asks for counts as installed: a test has what it imports.
    `installed` collects it, `emitted` the skill's events, `requests` the method and path of
    each callback. Changes of files emit nothing here.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | str] | None = None,
        *,
        embed: Embed = word_vectors,
        skills: Mapping[str, Callable[..., Any]] | None = None,
        models: Sequence[str] = ("minilm-l6-v2",),
        generate: Generate = repeat,
        infer: Infer | None = None,
        proxy: str = "http://catnap:grant@egress.invalid:3128",
    ) -> None:
        self.proxy = proxy
        self.index = ""
        self.access = ("http://gateway.invalid/callback", "grant")
        self._embed = embed
        self._generate = generate
        self._infer = infer
        self._skills = dict(skills or {})
        self._models = models
        self._kept: dict[str, dict[str, tuple[File, bytes]]] = defaultdict(dict)
        self.emitted: list[Event] = []
        self.installed: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self._grant("default", "default", "", "task")
        for key, content in (files or {}).items():
            data = content.encode() if isinstance(content, str) else content
            self._put(self._scopes["user"], _checked(key), {}, data)

    def granted(
        self, tenant: str = "default", user: str = "default", session: str = "", task: str = "task"
    ) -> FakeGateway:
        """The same platform for another task, user or tenant."""
        other: FakeGateway = object.__new__(FakeGateway)
        other.__dict__.update(self.__dict__)
        other._grant(tenant, user, session, task)
        return other

    def _grant(self, tenant: str, user: str, session: str, task: str) -> None:
        self._for = (tenant, user, session, task)
        self._scopes = {"user": f"{tenant}/{user}/", "task": f"{tenant}/{user}/tasks/{task}/"}
        if session:
            self._scopes["session"] = f"{tenant}/{user}/sessions/{session}/"

    @property
    def files(self) -> Files:
        """The user's files, for a test to write and read; `.session` and
        `.task` as in `ctx.files`."""
        return Files(self)

    async def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> FakeAnswer:
        self.requests.append((method, path))
        data = body if isinstance(body, bytes) else b"".join([part async for part in body])
        given = {name.lower(): value for name, value in headers}
        match urlsplit(path).path.split("/")[1:], method:
            case ["callback", "files", scope], "GET":
                return self._list(self._scope(scope), urlsplit(path).query)
            case ["callback", "files", scope, *parts], _:
                key = _checked(unquote("/".join(parts)))
                if method == "POST":
                    return self._transfer(self._scope(scope), key, given, data)
                return self._file(method, self._scope(scope), key, given, data)
            case ["callback", "links", scope, *parts], _:
                key = _checked(unquote("/".join(parts)))
                return self._link(method, self._scope(scope) + key)
            case ["callback", "models", model, "embed"], "POST":
                self._check(unquote(model))
                return FakeAnswer(200, *await embedded(self._embed, data))
            case ["callback", "models", model, "generate"], "POST":
                self._check(unquote(model))
                return FakeAnswer(data=await generated(self._generate, data))
            case ["callback", "models", model, "infer"], "POST":
                self._check(unquote(model))
                return FakeAnswer(200, *await inferred(self._infer, unquote(model), given, data))
            case ["callback", "skills", name], "POST":
                return await self._child(unquote(name), data)
            case ["callback", "packages"], "POST":
                self.installed += msgspec.json.decode(data)["requirements"]
                return FakeAnswer(204)
            case ["callback", "events"], "POST":
                self.emitted.append(decode(given, data))
                return FakeAnswer(202)
        raise NotFound(f"{method} {path}: the gateway has no such route")

    def _scope(self, name: str) -> str:
        if name not in self._scopes:
            raise InvalidRequest(f"no scope {name!r} here; there are {', '.join(self._scopes)}")
        return self._scopes[name]

    def _list(self, scope: str, query: str) -> FakeAnswer:
        asked = parse_qs(query)
        prefix, after = asked.get("prefix", [""])[0], asked.get("page_token", [""])[0]
        keys = sorted(key for key in self._kept[scope] if key.startswith(prefix) and key > after)
        page = Page(
            files=[self._kept[scope][key][0] for key in keys[:_PAGE]],
            next=keys[_PAGE - 1] if len(keys) > _PAGE else "",
        )
        return _json(page)

    def _file(
        self, method: str, scope: str, key: str, headers: dict[bytes, bytes], data: bytes
    ) -> FakeAnswer:
        kept = self._kept[scope].get(key)
        if method in ("GET", "HEAD", "DELETE") and kept is None:
            raise NotFound(f"no file {key!r}")
        wanted = headers.get(b"if-match", b"").decode().strip('"')
        if wanted == "*":
            raise InvalidRequest("if_match '*': name the etag of the version to write over")
        if wanted and (kept is None or wanted != kept[0].etag):
            raise Conflict(f"{key!r} is no longer at version {wanted}")
        if b"if-none-match" in headers and kept is not None:
            raise Conflict(f"{key!r} already exists, as version {kept[0].etag}")
        if method == "PUT":
            return _json(self._put(scope, key, headers, data))
        if method == "DELETE":
            del self._kept[scope][key]
            return FakeAnswer(204)
        if kept is None or method not in ("GET", "HEAD"):
            raise NotFound(f"files are not asked by {method}")
        file, content = kept
        if method == "GET" and (asked := headers.get(b"range")):
            start, stop = _span(asked, file.size)
            content = content[start:stop]
        described = {
            b"etag": b'"%b"' % file.etag.encode(),
            b"content-type": file.content_type.encode(),
            b"catnap-size": b"%d" % file.size,
            b"catnap-modified": file.modified.encode(),
        }
        return FakeAnswer(200, described, content if method == "GET" else b"")

    def _transfer(
        self, scope: str, key: str, headers: dict[bytes, bytes], data: bytes
    ) -> FakeAnswer:
        asked = msgspec.json.decode(data, type=dict[str, str])
        source = self._scope(asked["scope"])
        kept = self._kept[source].get(asked["key"])
        if kept is None:
            raise NotFound(f"no file {asked['key']!r}")
        type_ = {b"content-type": kept[0].content_type.encode()}
        answer = self._file("PUT", scope, key, headers | type_, kept[1])
        if asked["do"] == "move":
            del self._kept[source][asked["key"]]
        return answer

    def _link(self, method: str, place: str) -> FakeAnswer:
        shared = Shared("GET" if method == "GET" else "PUT", f"https://files.invalid/{place}", 600)
        return _json(shared)

    def _put(self, scope: str, key: str, headers: dict[bytes, bytes], data: bytes) -> File:
        given = headers.get(b"content-type", b"").decode()
        file = File(
            key=key,
            size=len(data),
            etag=hashlib.sha256(data).hexdigest(),
            content_type=given or mimetypes.guess_type(key)[0] or "application/octet-stream",
            modified=datetime.now(UTC).isoformat(),
        )
        self._kept[scope][key] = (file, data)
        return file

    def _check(self, model: str) -> None:
        if model not in self._models:
            raise PermissionDenied(f"the skill may not ask {model!r}: add it to [models] allow")

    async def _child(self, name: str, data: bytes) -> FakeAnswer:
        from catnap.skills.testing.call import call

        function = self._skills.get(name)
        if function is None:
            raise NotFound(f"no skill {name!r}")
        if hasattr(function, ATTRIBUTE):
            tenant, user, session, task = self._for
            answer = await call(
                function,
                data,
                gateway=self,
                tenant=tenant,
                user=user,
                session=session,
                task=f"{task}-{name}",
            )
        else:
            made = function(msgspec.json.decode(data or b"null"))
            answer = await made if inspect.isawaitable(made) else made
        if isinstance(answer, Event):
            kind = (answer.datacontenttype or "").encode()
            return FakeAnswer(200, {b"content-type": kind}, answer.data or b"")
        if isinstance(answer, bytes):
            return FakeAnswer(200, {b"content-type": b"application/octet-stream"}, answer)
        return _json(answer)


def _span(header: bytes, size: int) -> tuple[int, int]:
    """Where the range begins and ends (exclusive)."""
    first, _, last = header.removeprefix(b"bytes=").partition(b"-")
    if not first:
        return max(0, size - int(last or b"0")), size
    if int(first) >= size:
        raise InvalidRequest(f"offset {int(first):,}: there are {size:,} bytes")
    return int(first), min(size, int(last) + 1) if last else size


def _json(value: Any) -> FakeAnswer:
    return FakeAnswer(200, {b"content-type": b"application/json"}, msgspec.json.encode(value))


def _checked(key: str) -> str:
    if not key or any(part in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise InvalidRequest(f"key {key!r}: a path without empty, '.' or '..' parts")
    return key
