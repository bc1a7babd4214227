"""Tables as a person reads them: in a terminal, wide or narrow."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

SHOW = """
from catnap.cli import output
rows = [("echo-00001", 7, "%s"), ("echo-00002", 12, "")]
output.table(("revision", "waiting", "error"), rows, empty="none")
"""
TEXT = "it broke because of this and that"


def shown(columns: int | None, text: str = TEXT) -> list[str]:
    """The lines in a terminal of that width; None for a pipe."""
    command = [sys.executable, "-c", SHOW % text]
    if columns is None:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    # Little enough for the terminal to keep until it is read.
    subprocess.run(
        command, stdin=follower, stdout=follower, stderr=follower, check=True, env=environment
    )
    said = os.read(leader, 1 << 16).decode()
    os.close(follower)
    os.close(leader)
    return re.sub(r"\x1b\[[0-9;]*m", "", said).split("\r\n")


def test_numbers_are_set_to_the_right() -> None:
    assert shown(None) == [
        "revision    waiting  error",
        f"echo-00001        7  {TEXT}",
        "echo-00002       12",
        "",
    ]


def test_text_gives_way_where_it_can() -> None:
    assert shown(33) == [
        "revision    waiting  error",
        "echo-00001        7  it broke",
        "                     because of",
        "                     this and",
        "                     that",
        "echo-00002       12",
        "",
    ]


def test_what_somebody_chose_steers_no_terminal() -> None:
    text = r"a\x1b[2Jb\u202ec\nd é"
    assert shown(None, text)[1] == "echo-00001        7  a\\x1b[2Jb\\u202ec\\nd é"


@pytest.mark.parametrize("columns", [10, 32])
def test_nothing_is_cut_off_where_it_cannot(columns: int) -> None:
    assert shown(columns) == shown(None)
