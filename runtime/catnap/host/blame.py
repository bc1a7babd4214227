"""Where in the skill's own code something went wrong."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

_LONGEST = 500


def reason(error: BaseException) -> str:
    """`ValueError: what it said`, in one line of bounded length, without the
    skill's secrets: a client's error may name the URL that it asked."""
    kind = type(error).__qualname__
    if isinstance(error, SystemExit):
        said = f"it called sys.exit({error.code!r})"
    else:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
    if os.environ.get("CATNAP_SECRETS"):
        from catnap.skills.secrets import redacted  # few skills have any

        said = redacted(said)
    text = " ".join(said.split())
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    return f"{kind}: {text}" if text else kind


def place(error: BaseException, folder: str) -> tuple[str, int] | None:
    """File and line of the innermost frame inside the folder, if there is one.

    The file is relative to the folder; installed packages do not count.
    """
    if isinstance(error, SyntaxError) and error.filename:
        file = _inside(error.filename, folder)
        if file:
            return file, error.lineno or 1
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = _inside(frame.f_code.co_filename, folder)
        if file:
            found = file, line
    return found


def print_traceback(error: BaseException, folder: str) -> None:
    """Writes the traceback to stderr, from the skill's first frame on."""
    start = error.__traceback__
    while start and not _inside(start.tb_frame.f_code.co_filename, folder):
        start = start.tb_next
    shown: TracebackType | None = start or error.__traceback__
    traceback.print_exception(type(error), error, shown)


def _inside(file: str, folder: str) -> str:
    """The path relative to the folder; empty if it is elsewhere."""
    prefix = f"{folder}/"
    if file.startswith(prefix) and "/site-packages/" not in file:
        return file[len(prefix) :]
    return ""
