"""Brings an index up to date with the user's files.

Reading, extraction and embedding overlap: some files are read ahead, and two
requests are with the model at any time, each of enough texts for it to sort
by length. What is done is written every now and then, so a run that ends early
loses little, and the next goes on from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from extraction import MAX_BYTES, Unreadable, extract
from index import Index, Vectors
from library import KEY
from passages import passages

from catnap import CatnapError, NotFound
from catnap.skills.files import File, Files
from catnap.skills.models import Models

BATCH = 512
"""Texts of one request to the model."""
IN_FLIGHT = 2
AHEAD = 4
"""Files that are read before their turn."""
CHECKPOINT = 20.0
"""Seconds of work that a run may lose."""
PATIENCE = 60.0
"""Seconds that a file's text may take to extract."""
MAX_PASSAGES = 30_000
"""Passages of one index; they and their vectors stay well below 100 MB."""


@dataclass(frozen=True)
class Document:
    """A file that was read: its passages, or why it has none."""

    file: File
    digest: bytes = b""
    passages: tuple[tuple[int, int, str], ...] = ()
    problem: str = ""
    is_same: bool = False
    """Its content is the one that is in the index."""


def stale(index: Index, documents: Mapping[str, File]) -> tuple[list[File], list[str]]:
    """Files to index, the smallest first, and keys to forget."""
    known = index.etags()
    changed = [file for key, file in documents.items() if known.get(key) != file.etag]
    gone = [key for key in known if key not in documents]
    return sorted(changed, key=lambda file: file.size), gone


@dataclass
class Indexing:
    """One run. `index` is its own; `etag` is the version in the user's files."""

    files: Files
    models: Models
    index: Index
    etag: str
    embedded: int = 0
    """Passages that were embedded."""
    _asked: set[str] = field(default_factory=set)
    _flying: deque[tuple[list[str], asyncio.Task[Vectors]]] = field(default_factory=deque)
    _waiting: deque[Document] = field(default_factory=deque)
    _is_changed: bool = False
    _saved: float = 0.0

    async def run(self, documents: Mapping[str, File], until: float | None) -> None:
        """Works until all is done, or `until` in the loop's time.

        Raises Conflict where somebody else wrote the index, and what reading
        or embedding raises; what is done by then is written.
        """
        changed, gone = stale(self.index, documents)
        for key in gone:
            self.index.remove(key)
            self._is_changed = True
        self._saved = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(until) as limit:
                await self._work(changed)
            self.index.tidy()
        except TimeoutError:
            if not limit.expired():
                raise
        except Exception:
            with suppress(CatnapError):
                await self._save()
            raise
        finally:
            await _stop(task for _, task in self._flying)
        await self._save()

    async def _work(self, changed: list[File]) -> None:
        texts: list[str] = []
        async with aclosing(self._read(changed)) as documents:
            async for document in documents:
                lacking = self.index.lacking(text for _, _, text in document.passages)
                texts += [text for text in lacking if text not in self._asked]
                self._asked.update(lacking)
                self._waiting.append(document)
                while len(texts) >= BATCH:
                    await self._embed(texts[:BATCH])
                    del texts[:BATCH]
                self._settle()
        if texts:
            await self._embed(texts)
        while self._flying:
            await self._land()
        self._settle()

    async def _read(self, changed: list[File]) -> AsyncGenerator[Document, None]:
        """The files as documents, in order, some read ahead."""
        coming = deque(changed)
        reading: deque[asyncio.Task[Document | None]] = deque()
        try:
            while coming or reading:
                while coming and len(reading) < AHEAD:
                    reading.append(asyncio.create_task(self._document(coming.popleft())))
                document = await reading[0]
                reading.popleft()
                if document:
                    yield document
        finally:
            await _stop(reading)

    async def _document(self, file: File) -> Document | None:
        if file.size > MAX_BYTES:
            return Document(file, problem=f"it is larger than {MAX_BYTES:,} bytes")
        try:
            file, data = await self.files.fetch(file.key)
        except NotFound:
            return None  # it went since it was listed
        known = self.index.digest(file.key)
        extracting = asyncio.to_thread(_extract, file, data, known)
        try:
            return await asyncio.wait_for(extracting, PATIENCE)
        except TimeoutError:
            return Document(file, problem=f"its text took longer than {PATIENCE:g} s to extract")

    async def _embed(self, texts: list[str]) -> None:
        while len(self._flying) >= IN_FLIGHT:
            await self._land()
        self._flying.append((texts, asyncio.create_task(embed(self.models, texts))))

    async def _land(self) -> None:
        texts, task = self._flying[0]
        vectors = await task
        self._flying.popleft()
        self.index.learn(texts, vectors)
        self.embedded += len(texts)
        self._asked.difference_update(texts)
        self._is_changed = True
        self._settle()
        if asyncio.get_running_loop().time() - self._saved > CHECKPOINT:
            await self._save()

    def _settle(self) -> None:
        """Puts what has all its vectors into the index."""
        while self._waiting:
            document = self._waiting[0]
            if not self._asked.isdisjoint(text for _, _, text in document.passages):
                return
            self._waiting.popleft()
            self._put(document)

    def _put(self, document: Document) -> None:
        file, problem, found = document.file, document.problem, document.passages
        self._is_changed = True
        if document.is_same:
            self.index.touch(file.key, file.etag)
            return
        if self.index.size + len(found) > MAX_PASSAGES:
            found, problem = (), f"the index is full: it holds {MAX_PASSAGES:,} passages at most"
        self.index.put(file.key, file.etag, document.digest, found, problem)

    async def _save(self) -> None:
        if not self._is_changed:
            return
        data = self.index.dump()
        condition = {"if_match": self.etag} if self.etag else {"if_none_match": "*"}
        self.etag = (await self.files.write(KEY, data, **condition)).etag
        self._is_changed = False
        self._saved = asyncio.get_running_loop().time()


async def embed(models: Models, texts: list[str]) -> Vectors:
    """One row a text."""
    answer = await models.embed(texts)
    return np.frombuffer(answer.data, "<f4").reshape(-1, answer.dimensions)


async def _stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)


def _extract(file: File, data: bytes, known: bytes | None) -> Document:
    digest = sha256(data).digest()
    if digest == known:
        return Document(file, digest, is_same=True)
    try:
        text = extract(file.key, data)
    except Unreadable as error:
        return Document(file, digest, problem=str(error))
    found = tuple((start, end, text[start:end]) for start, end in passages(text))
    return Document(file, digest, found)
