"""The threads that run what is written without async."""

import asyncio
import threading

import pytest

from catnap.host.threads import Threads


async def test_where_the_system_has_no_thread_to_give_the_next_call_asks_again():
    threads = Threads(1)
    before = threading.stack_size(1 << 50)  # more than there are addresses
    try:
        with pytest.raises(RuntimeError, match="thread"):
            await threads.run(int)
    finally:
        threading.stack_size(before)
    assert await asyncio.wait_for(threads.run(int), 30) == 0
