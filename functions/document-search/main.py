"""Answers questions from the user's own documents."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Annotated

import msgspec
from extraction import is_document
from index import Found, Index
from indexing import Indexing, embed, stale
from lease import Held, lease
from library import Library, Owner
from msgspec import Meta

from catnap import Conflict, Context, InvalidRequest, Unavailable, skill
from catnap.skills.files import File

POLL = 0.25
"""Seconds between looks at an index that somebody else is writing."""

library = Library()


class Request(msgspec.Struct):
    """Either a question or `{"index": true}`."""

    question: Annotated[str, Meta(max_length=10_000)] | None = None
    top: Annotated[int, Meta(ge=1, le=50, description="passages wanted")] = 3
    index: Annotated[bool, Meta(description="only bring the index up to date, and report")] = False


class Strict(Request, forbid_unknown_fields=True):
    """What a caller sends. An event's data has fields of its own."""


class Problem(msgspec.Struct):
    """A file that is not searched, and why."""

    file: str
    problem: str


class Report(msgspec.Struct):
    files: int
    passages: int
    embedded: Annotated[int, Meta(description="passages that were new to this run")]
    problems: list[Problem]


class Answer(msgspec.Struct, omit_defaults=True):
    passages: Annotated[list[Found] | None, Meta(description="best first")] = None
    index: Report | None = None
    pending: Annotated[
        int, Meta(description="files that time did not suffice to index; ask again for them")
    ] = 0


@skill
async def search(ctx: Context, request: Request) -> Answer:
    if ctx.event.type.startswith("catnap.file."):
        fresh = await _up_to_date(ctx)
        if fresh.pending:
            raise Unavailable(f"{fresh.pending} files are left to index", retry_after=1.0)
        return Answer(index=fresh.report())
    _check(ctx, request)
    if request.question is None:
        fresh = await _up_to_date(ctx)
        return Answer(index=fresh.report(), pending=fresh.pending)
    fresh = await _up_to_date(ctx)
    [vector] = await embed(ctx.models, [request.question])
    found = fresh.index.search(request.question, vector, request.top)
    return Answer(passages=found, pending=fresh.pending)


def _check(ctx: Context, request: Request) -> None:
    try:
        msgspec.json.decode(ctx.event.data or b"{}", type=Strict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the payload does not fit: {error}") from None
    if request.index == (request.question is not None):
        raise InvalidRequest('give either {"question": ...} or {"index": true}')
    if request.question is not None and not request.question.strip():
        raise InvalidRequest("question: is empty")


class Fresh(msgspec.Struct):
    """An index, and how far it is behind the files."""

    index: Index
    pending: int
    embedded: int = 0

    def report(self) -> Report:
        problems = [Problem(*item) for item in self.index.problems().items()]
        return Report(len(self.index.etags()), self.index.size, self.embedded, problems)


async def _up_to_date(ctx: Context) -> Fresh:
    """The user's index, brought up to date first where the time is enough:
    here, or by another run that is at it."""
    owner = (ctx.tenant, ctx.user)
    until = _until(ctx)
    loop = asyncio.get_running_loop()
    embedded = 0
    tried = None
    while True:
        listed = await ctx.files.list()
        _, index = await library.open(ctx.files, owner, listed)
        left = stale(index, documents(listed))
        is_late = until is not None and loop.time() >= until
        if is_late or left in (([], []), tried):
            return Fresh(index, len(left[0]) + len(left[1]), embedded)
        try:
            async with lease(ctx.files, uuid.uuid4().hex, time.time):
                embedded += await _index(ctx, owner, until)
            tried = left
        except (Held, Conflict):
            await asyncio.sleep(POLL)


async def _index(ctx: Context, owner: Owner, until: float | None) -> int:
    """One run; gives back how many passages it embedded."""
    listed = await ctx.files.list()
    etag, index = await library.open(ctx.files, owner, listed)
    run = Indexing(ctx.files, ctx.models, Index(index.dump()), etag)
    await run.run(documents(listed), until)
    library.keep(owner, run.etag, run.index)
    return run.embedded


def _until(ctx: Context) -> float | None:
    """When to stop, in the loop's time: early enough to write the index."""
    left = ctx.remaining()
    if left is None:
        return None
    return asyncio.get_running_loop().time() + left - min(5.0, left / 5)


def documents(listed: list[File]) -> dict[str, File]:
    """The files that an index is about, by key."""
    return {file.key: file for file in listed if is_document(file.key)}
