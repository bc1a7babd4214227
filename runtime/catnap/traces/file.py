"""A file that spans are written to as they end, by a thread of its own."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.traces import otlp
from catnap.traces.span import UNTRACED, Span, Spans, Tracer

HELD = 10_000
"""Spans that wait to be written; of more, those that come are lost."""
_LINE = 256
"""Spans of one line at most."""
_GATHER = 0.1
"""Seconds for which a line stays open to more."""
_log = logging.getLogger(__name__)


@contextmanager
def traced(path: Path | None, service: str) -> Iterator[Tracer]:
    """What keeps spans in the file; nothing where there is none. Raises as
    SpanFile does."""
    if path is None:
        yield UNTRACED
        return
    file = SpanFile(path, service)
    try:
        yield Spans(file.keep)
    finally:
        file.close()


class SpanFile:
    """Lines are added at its end, each at once, so that processes may share it."""

    def __init__(self, path: Path, service: str) -> None:
        """service: the program that writes. Raises InvalidRequest where it cannot."""
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidRequest(f"CATNAP_TRACES {path}: {error.strerror}") from None
        self._service = service
        self._queue: queue.Queue[Span | None] = queue.Queue(HELD)
        self._lost = 0
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def keep(self, span: Span) -> None:
        """Waits for nothing."""
        try:
            self._queue.put_nowait(span)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """What was kept is in the file."""
        self._queue.put(None)
        self._thread.join()
        os.close(self._file)
        if self._lost:
            _log.warning("%d spans were lost", self._lost)

    def _work(self) -> None:
        open_ = True
        while open_:
            spans, open_ = self._gather()
            if spans:
                self._write(spans)

    def _gather(self) -> tuple[list[Span], bool]:
        """What goes into the next line, and whether there may be more."""
        spans = list[Span]()
        try:
            span = self._queue.get()
            while span is not None:
                spans.append(span)
                if len(spans) >= _LINE:
                    return spans, True
                span = self._queue.get(timeout=_GATHER)
        except queue.Empty:
            return spans, True
        return spans, False

    def _write(self, spans: Sequence[Span]) -> None:
        try:
            line = otlp.line(self._service, spans)
            while line:
                line = line[os.write(self._file, line) :]
        except Exception:  # whatever it is, others are written
            self._lost += len(spans)
            _log.exception("%d spans cannot be written", len(spans))
