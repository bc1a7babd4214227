"""What a server said on one connection, read as strictly as HTTP allows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# The design's table, and what HTTP has a status of its own for.
REFUSALS = frozenset(
    (400, 401, 402, 403, 404, 405, 408, 409, 411, 413, 414, 415, 417, 422, 429, 431)
)

_STATUS = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*\Z")
_FIELD = re.compile(rb"[a-z0-9-]+: [ -~]*\Z")
_SIZE = re.compile(rb"[0-9a-f]+\Z")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get(b"connection") == b"close"


class Partial(Exception):
    """The last answer is not whole."""


def read_answers(data: bytes, *, bodiless: bool = False) -> list[Answer]:
    """All answers, without those of status 1xx. Raises AssertionError for
    what is none, Partial where the end of one is missing.

    bodiless: a HEAD may have been asked for, whose answer has no body.
    """
    answers = []
    at = 0
    while at < len(data):
        head, end, rest = data[at:].partition(b"\r\n\r\n")
        if not end:
            raise Partial
        status, headers = _head(head)
        at = len(data) - len(rest)
        body = b""
        alone = bodiless and (not rest or rest.startswith(b"HTTP/1.1 "))
        if status >= 200 and status not in (204, 304) and not alone:
            body, at = _body(data, at, headers)
        if status >= 200:
            answers.append(Answer(status, headers, body))
    return answers


def _head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    said = _STATUS.match(first)
    assert said, f"no status line: {first!r}"
    assert all(_FIELD.match(line) for line in lines), f"no fields: {lines!r}"
    headers = dict(line.split(b": ", 1) for line in lines)
    assert len(headers) == len(lines), f"a field is there twice: {lines!r}"
    return int(said[1]), headers


def _body(data: bytes, at: int, headers: dict[bytes, bytes]) -> tuple[bytes, int]:
    assert (b"content-length" in headers) != (b"transfer-encoding" in headers), headers
    if b"content-length" in headers:
        end = at + int(headers[b"content-length"])
        if end > len(data):
            raise Partial
        return data[at:end], end
    parts = []
    while True:
        line, end_of_line, _ = data[at:].partition(b"\r\n")
        if not end_of_line:
            raise Partial
        assert _SIZE.match(line), f"no chunk: {line!r}"
        size = int(line, 16)
        at += len(line) + 2
        if at + size + 2 > len(data):
            raise Partial
        assert data[at + size : at + size + 2] == b"\r\n", "a chunk that does not end"
        if size == 0:
            return b"".join(parts), at + 2
        parts.append(data[at : at + size])
        at += size + 2


def check(answer: Answer) -> None:
    """Raises AssertionError where it is neither a success nor a refusal that
    says what was wrong."""
    if answer.status < 300:
        return
    assert answer.status in REFUSALS, answer
    if answer.body:
        assert answer.headers[b"content-type"] == b"application/problem+json", answer
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status, answer
        assert problem["detail"], answer
        assert "callback" not in problem["detail"], "httptools hides an error of ours"
