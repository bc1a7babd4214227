"""catnap.v1.Files."""

from __future__ import annotations

from collections.abc import AsyncIterator

from catnap.access import Principal, Resource, acting_for
from catnap.errors import InvalidRequest, PayloadTooLarge
from catnap.files import Scope, Stat
from catnap.files.spans import Span
from catnap.gateway.door import allow
from catnap.gateway.gateway import Gateway, Writer, writing
from catnap.gateway.grpc_door import answers, streams
from catnap.gateway.status import Context
from catnap.http import MAX_BODY
from catnap.v1 import files_pb2
from catnap.v1.files_pb2_grpc import FilesServicer

CHUNK = 256 * 1024


class Files(FilesServicer):
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def Put(  # noqa: N802
        self, caller: Principal, requests: AsyncIterator[files_pb2.PutFileRequest], context: Context
    ) -> files_pb2.File:
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidRequest("Put: the first message must hold the header")
        header = first.header
        written = await self.gateway.files.put(
            self._scope(caller, header.scope),
            header.key,
            _chunks(requests),
            content_type=header.content_type,
            if_match=header.if_match,
            if_none_match=header.if_none_match,
        )
        return _message(written.stat)

    @streams
    async def Get(  # noqa: N802
        self, caller: Principal, request: files_pb2.GetFileRequest, context: Context
    ) -> AsyncIterator[files_pb2.GetFileResponse]:
        scope = self._scope(caller, request.scope)
        span = Span(request.offset, request.length or None)
        stat, content = await self.gateway.files.get(
            scope, request.key, span, if_match=request.if_match
        )
        try:
            yield files_pb2.GetFileResponse(file=_message(stat))
            async for part in content:
                for start in range(0, len(part), CHUNK):
                    yield files_pb2.GetFileResponse(chunk=part[start : start + CHUNK])
        finally:
            await content.aclose()

    @answers
    async def Copy(  # noqa: N802
        self, caller: Principal, request: files_pb2.CopyFileRequest, context: Context
    ) -> files_pb2.File:
        allow(self.gateway, caller, "files.read", Resource(caller.tenant))
        source, scope = request.source, request.scope
        if source.user not in ("", scope.user):
            raise InvalidRequest("Copy: source.user: files are copied between one user's scopes")
        source.user = scope.user
        transfer = self.gateway.files.move if request.move else self.gateway.files.copy
        written = await transfer(
            self._scope(caller, source),
            request.source_key,
            self._scope(caller, scope),
            request.key,
            version=request.version,
            if_match=request.if_match,
            if_none_match=request.if_none_match,
        )
        return _message(written.stat)

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: files_pb2.ListFilesRequest, context: Context
    ) -> files_pb2.ListFilesResponse:
        scope = self._scope(caller, request.scope)
        page = await self.gateway.files.list(
            scope, request.prefix, page_size=request.page_size, page_token=request.page_token
        )
        return files_pb2.ListFilesResponse(
            files=[_message(stat) for stat in page.files], next_page_token=page.next
        )

    @answers
    async def Delete(  # noqa: N802
        self, caller: Principal, request: files_pb2.DeleteFileRequest, context: Context
    ) -> files_pb2.DeleteFileResponse:
        scope = self._scope(caller, request.scope)
        await self.gateway.files.delete(scope, request.key, if_match=request.if_match)
        return files_pb2.DeleteFileResponse()

    def _scope(self, caller: Principal, scope: files_pb2.Scope) -> Scope:
        user = acting_for(caller, scope.user)
        writing.set(Writer(caller.roles))
        return Scope(caller.tenant, user, session=scope.session, task=scope.task)


async def _chunks(requests: AsyncIterator[files_pb2.PutFileRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        part = request.WhichOneof("part")
        if part == "end":
            return
        if part != "chunk":
            raise InvalidRequest("Put: the header comes once, in the first message")
        if len(request.chunk) > MAX_BODY:
            raise PayloadTooLarge(
                f"Put: chunk: {len(request.chunk):,} bytes, at most {MAX_BODY:,} a message"
            )
        yield request.chunk
    raise InvalidRequest("Put: the stream ended without its `end`; nothing was written")


def _message(stat: Stat) -> files_pb2.File:
    message = files_pb2.File(
        key=stat.key, size=stat.size, etag=stat.etag, content_type=stat.content_type
    )
    message.modified.FromDatetime(stat.modified)
    return message
