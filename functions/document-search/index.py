"""A user's index: one SQLite database that travels as one file.

It holds the passages, their words (FTS5, ranked by BM25) and their vectors. A
vector is kept by the hash of its text, so a text is embedded once, whatever
file it is in and however often that changes.
"""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from ranking import Passage, choose, fuse
from storage import dumped, opened

Vectors = npt.NDArray[np.float32]

DEPTH = 100
"""Passages that either side may put forward."""


@dataclass(frozen=True)
class Found:
    """One answer. `score` is 1 for what is best by words and by meaning."""

    file: str
    start: int
    end: int
    score: float
    text: str


class Index:
    """One version of an index. Not safe for threads."""

    def __init__(self, data: bytes = b"") -> None:
        """data: what `dump` gave. An index that is damaged, of another format
        or not of our making is begun anew."""
        self._database = opened(data)
        weakref.finalize(self, self._database.close)

    def dump(self) -> bytes:
        return dumped(self._database)

    # What is in it

    def etags(self) -> dict[str, str]:
        """The version of each file that is in the index, by key."""
        return dict(self._rows("SELECT key, etag FROM files"))

    def problems(self) -> dict[str, str]:
        """Why files could not be read, by key."""
        return dict(self._rows("SELECT key, problem FROM files WHERE problem <> '' ORDER BY key"))

    def digest(self, key: str) -> bytes | None:
        """The SHA-256 of the content that a file had."""
        found = self._rows("SELECT digest FROM files WHERE key = ?", key)
        return found[0][0] if found else None

    @cached_property
    def size(self) -> int:
        """Passages in it."""
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    # Changing it

    def lacking(self, texts: Iterable[str]) -> list[str]:
        """Those of the texts that have no vector yet, each once."""
        return [
            text
            for text in dict.fromkeys(texts)
            if not self._rows("SELECT 1 FROM vectors WHERE hash = ?", _hash(text))
        ]

    def learn(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keeps vectors, one row a text. Half the precision loses no rank."""
        halves = vectors.astype(np.float16)
        self._database.executemany(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?)",
            [(_hash(text), half.tobytes()) for text, half in zip(texts, halves, strict=True)],
        )

    def put(
        self,
        key: str,
        etag: str,
        digest: bytes,
        passages: Sequence[tuple[int, int, str]] = (),
        problem: str = "",
    ) -> None:
        """Replaces what is known of a file; every passage has its vector by now."""
        self._database.execute("BEGIN")
        self._drop(key)
        self._database.execute(
            "INSERT INTO files VALUES (?, ?, ?, ?)", (key, etag, digest, problem)
        )
        for start, stop, text in passages:
            row = self._database.execute(
                "INSERT INTO passages(key, start, stop, text, hash) VALUES (?, ?, ?, ?, ?)",
                (key, start, stop, text, _hash(text)),
            )
            self._database.execute(
                "INSERT INTO words(rowid, text) VALUES (?, ?)", (row.lastrowid, text)
            )
        self._database.execute("COMMIT")
        self._changed()

    def touch(self, key: str, etag: str) -> None:
        """Another version of a file with the content that it had."""
        self._database.execute("UPDATE files SET etag = ? WHERE key = ?", (etag, key))

    def remove(self, key: str) -> None:
        self._database.execute("BEGIN")
        self._drop(key)
        self._database.execute("COMMIT")
        self._changed()

    def tidy(self) -> None:
        """Forgets the vectors that no passage has, and gives back their room."""
        self._database.execute("DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM passages)")
        [[free]], [[pages]] = self._rows("PRAGMA freelist_count"), self._rows("PRAGMA page_count")
        if free * 4 > pages:
            self._database.execute("VACUUM")

    def _drop(self, key: str) -> None:
        self._database.execute(
            "INSERT INTO words(words, rowid, text) "
            "SELECT 'delete', id, text FROM passages WHERE key = ?",
            (key,),
        )
        self._database.execute("DELETE FROM passages WHERE key = ?", (key,))
        self._database.execute("DELETE FROM files WHERE key = ?", (key,))

    def _changed(self) -> None:
        for name in ("size", "_matrix"):
            self.__dict__.pop(name, None)

    # Asking it

    def search(self, question: str, vector: Vectors, top: int) -> list[Found]:
        """The best passages, best first. vector: the question's, of length one."""
        ids, matrix = self._matrix
        if not len(ids):
            return []
        near = matrix @ vector
        nearest = np.argsort(-near, kind="stable")[:DEPTH]
        scores = fuse([int(ids[row]) for row in nearest], self._by_words(question))
        marks = ",".join("?" * len(scores))
        rows = self._rows(
            f"SELECT id, key, start, stop FROM passages WHERE id IN ({marks}) ORDER BY id",  # noqa: S608
            *scores,
        )
        passages = [Passage(*row) for row in rows]
        places = np.searchsorted(ids, [each.id for each in passages])
        return [
            Found(each.file, each.start, each.end, round(scores[each.id], 4), self._text(each.id))
            for each in choose(passages, scores, matrix[places], top)
        ]

    def _by_words(self, question: str) -> list[tuple[int, float]]:
        """Passages by BM25, with the share of the question's weight they hold."""
        words = [f'"{word}"' for word in dict.fromkeys(re.findall(r"\w+", question.lower()))]
        weight = sum(self._rarity(word) for word in words)
        if not weight:
            return []
        found = self._rows(
            "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
            " OR ".join(words),
            DEPTH,
        )
        return [(each, min(1.0, -rank / weight)) for each, rank in found]

    def _rarity(self, word: str) -> float:
        """BM25's inverse document frequency, as FTS5 reckons it."""
        [[holds]] = self._rows("SELECT count(*) FROM words WHERE words MATCH ?", word)
        return max(1e-6, math.log((self.size - holds + 0.5) / (holds + 0.5)))

    def _text(self, passage: int) -> str:
        return str(self._rows("SELECT text FROM passages WHERE id = ?", passage)[0][0])

    @cached_property
    def _matrix(self) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Ids of the passages, ascending, and their vectors."""
        rows = self._rows("SELECT id, vector FROM passages JOIN vectors USING (hash) ORDER BY id")
        ids = np.array([row[0] for row in rows], np.int64)
        halves = np.frombuffer(b"".join(row[1] for row in rows), np.float16)
        return ids, halves.reshape(len(rows), -1 if rows else 0).astype(np.float32)

    def _rows(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._database.execute(sql, values).fetchall()


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
