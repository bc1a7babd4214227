"""What a skill writes, line by line, each with its task and its trace."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TextIO

from catnap.host import records
from catnap.host.records import LONGEST
from catnap.skills import Context

running: ContextVar[Context | None] = ContextVar("catnap_call", default=None)
"""The call that the running code works for."""


class Lines(io.TextIOBase):
    """A text stream that writes each whole line as a JSON record.

    Tasks run side by side, so what each has written of a line not yet ended
    is kept apart.
    """

    def __init__(
        self,
        stream: str,
        descriptor: int,
        clock: Callable[[], float],
        clean: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._clock = clock
        self._clean = clean
        self._begun: dict[Context | None, str] = {}
        # Reentrant: a collection that begins in here may run code that prints.
        self._lock = threading.RLock()

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
        if not self._begun:
            return
        call = running.get()
        with self._lock:
            rest = self._begun.pop(call, "")
            if rest:
                self._emit(call, [rest])

    def message(self, text: str, level: str) -> None:
        """Writes a record of its own, beside what is begun."""
        with self._lock:
            self._emit(running.get(), [text], level)

    def flush(self) -> None:
        """Nothing waits here but lines that are not whole yet."""

    def _emit(self, call: Context | None, texts: list[str], level: str = "") -> None:
        if not texts:
            return
        written = records.encode(self._stream, call, texts, self._clock(), level)
        view = memoryview(self._clean(written))
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            # Nobody reads any more: output is no reason to fail a call.
            return


def finish() -> None:
    """Ends the running task's begun lines, where output is records."""
    for stream in (sys.stdout, sys.stderr):
        if type(stream) is Lines:  # isinstance asks an ABC, which takes its time
            stream.finish()


def by_lines(stream: TextIO) -> None:
    """Lets plain output leave at each line's end, pipe or not."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(line_buffering=True)
