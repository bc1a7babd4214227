"""Text to token ids, as MiniLM was trained to read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import tokenizers

MAX_TOKENS = 256
"""What the model reads of a text, [CLS] and [SEP] included; the rest is cut off."""

# A prefix stands for the whole text once it yields MAX_TOKENS ids that the cut
# cannot have touched. The cut touches one word, and a word has at most 100 ids.
_PREFIX_CHARACTERS = 4096
_WORD_TOKENS = 100

# The library's encodings are a ten times the size of the ids in them.
_TEXTS_AT_ONCE = 64


class Tokenizer(Protocol):
    """What `embedding` needs of a tokenizer; `fake.WordTokenizer` is the tests' one."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text: at least one, at most MAX_TOKENS. Any thread may call."""
        ...


class WordPieces:
    """The tokenizer of a tokenizer.json. Releases the GIL and uses every core."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        # The file asks for 128 tokens, always; texts get their own length instead.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids = self._encode([text[:_PREFIX_CHARACTERS] for text in texts])
        unsure = [
            place
            for place, text in enumerate(texts)
            if len(text) > _PREFIX_CHARACTERS and len(ids[place]) < MAX_TOKENS + _WORD_TOKENS
        ]
        for place, whole in zip(unsure, self._encode([texts[i] for i in unsure]), strict=True):
            ids[place] = whole
        return [_cut(row) for row in ids]

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [
            encoding.ids
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
            for encoding in self._tokenizer.encode_batch_fast(texts[start : start + _TEXTS_AT_ONCE])
        ]


def _cut(ids: list[int]) -> list[int]:
    """The first MAX_TOKENS - 1 ids and [SEP], as truncation before [SEP] leaves them."""
    return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]
