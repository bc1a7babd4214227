"""What a skill says through `logging`, with its level."""

from __future__ import annotations

import logging

from catnap.host.output import Lines


class Log(logging.Handler):
    """Writes each message as a record of its own, traceback and all."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.message(self.format(record), record.levelname.lower())
        except Exception:
            self.handleError(record)


def take_over(lines: Lines) -> None:
    """From here on, messages that no handler of the skill takes are records.

    It is no handler of the root logger: with one there, a skill's own
    `logging.basicConfig` would do nothing.
    """
    logging.lastResort = Log(lines)
