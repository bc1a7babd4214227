"""Memory is kept for the messages to come."""

from __future__ import annotations

import resource
import subprocess
import sys

from catnap.models.malloc import keep_blocks

BLOCK, AT_ONCE, TIMES = 1 << 20, 8, 50


def test_messages_of_a_mebibyte_take_no_pages_anew() -> None:
    """In a process of its own: what is set stays set."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.models.test_malloc"],
        capture_output=True,
        text=True,
        check=True,
    )
    pages = BLOCK * AT_ONCE // resource.getpagesize()
    assert int(said.stdout) < 5 * pages, f"{TIMES} times {pages} pages were written to"


def _faults() -> int:
    """Pages that the system had to give while messages came and went."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(TIMES):
        messages = [b"\1" * BLOCK for _ in range(AT_ONCE)]
        del messages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if __name__ == "__main__":
    keep_blocks()
    print(_faults())
