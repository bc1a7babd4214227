"""Secrets taken out of what is written."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

GONE = b"[redacted]"

SHORTEST = 4
"""Characters of what is taken out: less is found in any text."""


class Redaction:
    """Takes values out of lines: as they are, as JSON has them, once or twice,
    and in base64, by themselves or within something longer; of a value with
    several lines, each."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, line: bytes) -> bytes:
        return self._pattern.sub(GONE, line) if self._pattern else line


class Renewed:
    """Takes out what a folder holds, and what it held: a cluster changes a Secret
    that is mounted under those who run."""

    def __init__(self, place: str, read: Callable[[str], Iterable[str]]) -> None:
        """read: gives the values of a folder."""
        self._place = place
        self._read = read
        self._known: set[str] = set()
        self._stamp = -1
        self._clean = Redaction(())

    def __call__(self, line: bytes) -> bytes:
        with suppress(OSError):
            # A new version of all takes the old one's place in the folder itself.
            stamp = os.stat(self._place).st_mtime_ns  # noqa: PTH116
            if stamp != self._stamp:
                self._known.update(self._read(self._place))
                self._clean, self._stamp = Redaction(self._known), stamp
        return self._clean(line)


def _forms(value: str) -> Iterator[bytes]:
    for part in {value, *value.splitlines()}:
        if len(part) < SHORTEST:
            continue
        raw = part.encode()
        yield raw
        for once in (msgspec.json.encode(part), json.dumps(part).encode()):
            yield once[1:-1]
            yield msgspec.json.encode(once[1:-1].decode())[1:-1]  # a record of a line with it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).rstrip(b"=")
            for before in range(3):
                # Those characters that hold bits of the value alone, whatever stands around it.
                whole = encode(bytes(before) + raw)
                yield whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
