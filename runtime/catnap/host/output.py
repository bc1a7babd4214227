"""What a skill writes, line by line, each with its task and its trace."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TextIO

import msgspec

from catnap.host.trace import parse
from catnap.skills import Context

LONGEST = 16 * 1024
"""Characters of one record; a longer line becomes several."""

running: ContextVar[Context | None] = ContextVar("catnap_call", default=None)
"""The call that the running code works for."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of output.

    `time` is RFC 3339 in UTC. `trace` and `span` are the ids, in hex, of the
    trace that the call is part of and of its caller's span.
    """

    time: str
    stream: str
    text: str
    task: str = ""
    trace: str = ""
    span: str = ""


class Lines(io.TextIOBase):
    """A text stream that writes each whole line as a JSON record.

    Tasks run side by side, so what each has written of a line not yet ended
    is kept apart.
    """

    def __init__(self, stream: str, descriptor: int, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._clock = clock
        self._begun: dict[Context | None, str] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        call = running.get()
        with self._lock:
            *whole, rest = (self._begun.pop(call, "") + text).split("\n")
            while len(rest) > LONGEST:
                whole.append(rest[:LONGEST])
                rest = rest[LONGEST:]
            if rest:
                self._begun[call] = rest
            self._emit(call, whole)
        return len(text)

    def finish(self) -> None:
        """Writes what the running task began and did not end."""
        call = running.get()
        with self._lock:
            rest = self._begun.pop(call, "")
            if rest:
                self._emit(call, [rest])

    def flush(self) -> None:
        """Nothing waits here but lines that are not whole yet."""

    def _emit(self, call: Context | None, lines: list[str]) -> None:
        if not lines:
            return
        now = _rfc3339(self._clock())
        task, trace, span = _ids(call)
        encoded = bytearray()
        for line in lines:
            for start in range(0, max(1, len(line)), LONGEST):
                text = line[start : start + LONGEST].encode("utf-8", "backslashreplace").decode()
                record = Record(now, self._stream, text, task, trace, span)
                encoded += msgspec.json.encode(record) + b"\n"
        view = memoryview(encoded)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            # Nobody reads any more: output is no reason to fail a call.
            return


def redirect() -> None:
    """From here on, sys.stdout and sys.stderr write records."""
    sys.stdout = Lines("stdout", 1, time.time)
    sys.stderr = Lines("stderr", 2, time.time)


def finish() -> None:
    """Ends the running task's begun lines, where output is records."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Lines):
            stream.finish()


def by_lines(stream: TextIO) -> None:
    """Lets plain output leave at each line's end, pipe or not."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(line_buffering=True)


def _ids(call: Context | None) -> tuple[str, str, str]:
    if call is None:
        return "", "", ""
    return (call.task or call.event.id, *(parse(call.traceparent) or ("", "")))


def _rfc3339(seconds: float) -> str:
    whole = int(seconds)
    parts = time.gmtime(whole)
    return (
        f"{parts.tm_year:04}-{parts.tm_mon:02}-{parts.tm_mday:02}T{parts.tm_hour:02}:"
        f"{parts.tm_min:02}:{parts.tm_sec:02}.{int((seconds - whole) * 1000):03}Z"
    )
