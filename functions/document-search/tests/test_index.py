"""What is read back from a file that its user may have changed."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

import numpy as np
import pytest
from index import Index, Vectors
from storage import dumped

TEXT = "Cats nap in the sun."


def vector(*values: float) -> Vectors:
    return np.array([values], np.float32)


def kept() -> bytes:
    index = Index()
    index.learn([TEXT], vector(1, 0))
    index.put("cats.txt", "e", b"digest", [(0, len(TEXT), TEXT)])
    return index.dump()


def changed(sql: str) -> bytes:
    """By somebody who knows how it is kept."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.deserialize(kept()[:-32])
    database.executescript(sql)
    return dumped(database)


def test_an_index_is_read_as_it_was_written() -> None:
    index = Index(kept())
    assert index.etags() == {"cats.txt": "e"}
    [found] = index.search("who naps?", vector(1, 0)[0], 3)
    assert (found.file, found.text) == ("cats.txt", TEXT)
    assert Index(changed("VACUUM")).size == 1


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"garbage" * 10 + sha256(b"garbage" * 10).digest(),
        kept()[:-32],
        kept()[: len(kept()) // 2],
        kept().replace(b"in the sun", b"in the fog"),
        changed("CREATE TRIGGER t AFTER DELETE ON files BEGIN DELETE FROM passages; END"),
        changed("CREATE VIEW v AS SELECT 1"),
        changed("DROP TABLE meta; CREATE VIEW meta AS SELECT '2 minilm-l6-v2' AS format"),
        changed("DROP TABLE words"),
        changed("UPDATE meta SET format = 'old'"),
        changed("DELETE FROM meta"),
        changed(
            "DROP TABLE meta; CREATE TABLE meta(format TEXT NOT NULL); "
            "INSERT INTO meta VALUES ('2 minilm-l6-v2')"
        ),
    ],
)
def test_what_is_damaged_or_not_ours_is_begun_anew(data: bytes) -> None:
    index = Index(data)
    assert index.etags() == {}
    assert index.search("who naps?", vector(1, 0)[0], 3) == []
    index.learn([TEXT], vector(1, 0))
    index.put("cats.txt", "e", b"digest", [(0, len(TEXT), TEXT)])
    index.remove("cats.txt")
    assert Index(index.dump()).size == 0


def test_no_cut_and_no_flipped_byte_goes_unseen() -> None:
    data = kept()
    for place in range(0, len(data), 997):
        flipped = data[:place] + bytes((data[place] ^ 0xFF,)) + data[place + 1 :]
        assert Index(data[:place]).etags() == Index(flipped).etags() == {}
