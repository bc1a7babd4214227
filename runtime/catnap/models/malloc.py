"""How a process that passes tensors on gets its memory: kept, not asked of the
system for each message and given back after it."""

from __future__ import annotations

import ctypes

LARGEST = 32 << 20
"""Bytes of the largest block that is kept; glibc takes no more here. A larger one
is of the system's, and given back as soon as it is free."""

KEPT = 1 << 30
"""Bytes that may be free at a heap's end."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_blocks() -> None:
    """For this process, from now on; where its C library is not glibc, nothing.

    By itself glibc gives the end of its heap back as soon as two of the largest
    blocks are free there. Of several messages of 1 MiB at a time each then costs
    256 page faults: a third of what it takes to pass it on.
    Source: mallopt(3); bench/models.py measures it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGEST)
        mallopt(_M_TRIM_THRESHOLD, KEPT)
