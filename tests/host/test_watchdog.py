"""On Knative nobody looks whether an instance is stuck: it does so itself."""

import asyncio

import pytest

from catnap.host.watchdog import STATUS
from catnap.http import Client
from catnap.http.client import ConnectionLost

from .conftest import JSON

STUCK = """
    import time
    from catnap import Context, skill

    @skill
    {kind} stuck(ctx: Context, request: float) -> str:
        if request:
            time.sleep(request)
        return "well"
"""
DEAF = """
    import asyncio
    from catnap import Context, skill

    @skill
    async def deaf(ctx: Context, request: float) -> str:
        while True:
            try:
                await asyncio.sleep(1000)
            except:
                pass
"""
SHORT = (b"catnap-timeout", b"100ms")


async def test_an_instance_that_is_stuck_past_a_deadline_ends(folder, process):
    """All at once: each takes seconds."""
    async with asyncio.TaskGroup() as group:
        for case in (
            a_call_that_holds_the_loop_past_its_deadline_ends_the_instance,
            a_thread_that_runs_on_past_its_deadline_retires_the_instance,
            a_call_that_takes_no_notice_of_its_end_retires_the_instance,
        ):
            group.create_task(case(folder, process))


async def a_call_that_holds_the_loop_past_its_deadline_ends_the_instance(folder, process):
    host = process(folder(STUCK.format(kind="async def")), K_SERVICE="stuck")
    client = Client()
    with pytest.raises(ConnectionLost):
        await client.request(host.target, "POST", "/", [*JSON, SHORT], b"100")
    status, _, said = await asyncio.to_thread(host.wait)
    assert status == STATUS
    assert "a call holds the event loop past its deadline" in said
    assert "time.sleep(request)" in said
    await client.close()


async def a_thread_that_runs_on_past_its_deadline_retires_the_instance(folder, process):
    host = process(folder(STUCK.format(kind="def")), K_SERVICE="stuck")
    client = Client()
    reply = await client.request(host.target, "POST", "/", [*JSON, SHORT], b"100")
    assert reply.status == 504
    await reply.read()
    status, _, said = await asyncio.to_thread(host.wait)
    assert status == 0
    assert "runs on past its deadline" in said
    await client.close()


async def a_call_that_takes_no_notice_of_its_end_retires_the_instance(folder, process):
    host = process(folder(DEAF), K_SERVICE="deaf", CATNAP_GRACE="0.1")
    client = Client()
    with pytest.raises(ConnectionLost):
        await client.request(host.target, "POST", "/", [*JSON, SHORT], b"1")
    status, _, said = await asyncio.to_thread(host.wait)
    assert status == 0
    assert "runs on past its deadline" in said
    await client.close()
