"""How many calls run, and in which order those that wait go in."""

import asyncio

from catnap.host.gate import Gate


async def test_a_call_that_is_given_up_as_another_ends_leaves_its_place_to_the_next():
    gate = Gate(1)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.leave()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError, type(None)]
    assert (gate.inside, gate.waiting) == (1, 0)
