"""A user's files by each way to them: the same four questions to each."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from grpc import StatusCode, aio

from catnap.v1 import files_pb2
from tests.gateway.tenants.reach import Reach


class Files(Protocol):
    """scope: `user`, `session:<id>` or `task:<id>`."""

    async def put(self, scope: str, key: str, content: bytes) -> None: ...

    async def get(self, scope: str, key: str) -> bytes | None:
        """None where there is no such file."""
        ...

    async def keys(self, scope: str, prefix: str) -> list[str]: ...

    async def delete(self, scope: str, key: str) -> bool:
        """Whether there was one."""
        ...


@dataclass(frozen=True)
class Credential:
    """name: whom it acts for, where it is not for one user alone."""

    reach: Reach
    key: str
    name: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.key}"),)


@dataclass(frozen=True)
class OverHttp:
    by: Credential

    async def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        answer = await self.by.reach.request(
            method, path, body, key=self.by.key, catnap_user=self.by.name
        )
        return answer.status, answer.body

    async def put(self, scope: str, key: str, content: bytes) -> None:
        status, answer = await self._ask("PUT", _path(scope, key), content)
        assert status in (200, 201), answer

    async def get(self, scope: str, key: str) -> bytes | None:
        status, body = await self._ask("GET", _path(scope, key))
        assert status in (200, 404)
        return body if status == 200 else None

    async def keys(self, scope: str, prefix: str) -> list[str]:
        status, body = await self._ask("GET", f"/files/{quote(scope)}?prefix={quote(prefix)}")
        assert status == 200
        return [each["key"] for each in json.loads(body)["files"]]

    async def delete(self, scope: str, key: str) -> bool:
        status, _ = await self._ask("DELETE", _path(scope, key))
        assert status in (204, 404)
        return status == 204


@dataclass(frozen=True)
class OverGrpc:
    by: Credential

    async def put(self, scope: str, key: str, content: bytes) -> None:
        header = files_pb2.PutFileHeader(scope=self._scope(scope), key=key)
        parts = (
            files_pb2.PutFileRequest(header=header),
            files_pb2.PutFileRequest(chunk=content),
            files_pb2.PutFileRequest(end=files_pb2.PutFileEnd()),
        )
        await self.by.reach.files.Put(iter(parts), metadata=self.by.metadata)

    async def get(self, scope: str, key: str) -> bytes | None:
        request = files_pb2.GetFileRequest(scope=self._scope(scope), key=key)
        answers = self.by.reach.files.Get(request, metadata=self.by.metadata)
        content = b""
        with suppress(aio.AioRpcError):
            content = b"".join([each.chunk async for each in answers])
        return content if await _found(answers) else None

    async def keys(self, scope: str, prefix: str) -> list[str]:
        request = files_pb2.ListFilesRequest(scope=self._scope(scope), prefix=prefix)
        answer = await self.by.reach.files.List(request, metadata=self.by.metadata)
        return [each.key for each in answer.files]

    async def delete(self, scope: str, key: str) -> bool:
        request = files_pb2.DeleteFileRequest(scope=self._scope(scope), key=key)
        return await _found(self.by.reach.files.Delete(request, metadata=self.by.metadata))

    def _scope(self, scope: str) -> files_pb2.Scope:
        kind, _, id_ = scope.partition(":")
        if kind == "session":
            return files_pb2.Scope(user=self.by.name, session=id_)
        return files_pb2.Scope(user=self.by.name, task=id_)


@dataclass(frozen=True)
class InSkill:
    """By a skill with the Grant of a call. A task's files only its own call has."""

    by: Credential
    tenant: str
    user: str

    async def do(self, scope: str, **request: Any) -> Any:
        """What came of it, once it is sure for whom the skill was called."""
        session = scope.removeprefix("session:") if scope != "user" else ""
        status, answer = await self.by.reach.ask(
            *("POST", "/skills/notes", request, self.by.key),
            catnap_user=self.by.name,
            catnap_session=session,
        )
        assert status == 200, answer
        assert answer[:3] == [self.tenant, self.user, session]
        return answer[3]

    async def put(self, scope: str, key: str, content: bytes) -> None:
        await self.do(scope, do="put", key=key, text=content.decode())

    async def get(self, scope: str, key: str) -> bytes | None:
        found = await self.do(scope, do="get", key=key)
        return None if found is None else found.encode()

    async def keys(self, scope: str, prefix: str) -> list[str]:
        found: list[str] = await self.do(scope, do="list", prefix=prefix)
        return found

    async def delete(self, scope: str, key: str) -> bool:
        return bool(await self.do(scope, do="delete", key=key))


async def _found(call: aio.Call) -> bool:
    code = await call.code()
    assert code in (StatusCode.OK, StatusCode.NOT_FOUND), code
    return code is StatusCode.OK


def _path(scope: str, key: str) -> str:
    return f"/files/{quote(scope)}/{quote(key)}"
