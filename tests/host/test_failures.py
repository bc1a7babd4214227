"""What a caller reads when a skill fails, and that the instance goes on."""

import asyncio
import math
import sys

import msgspec
import pytest

from catnap.host import app, deadlines

FAILING = """
    import asyncio, sys, time
    from typing import Any
    from catnap import Conflict, Context, SkillError, skill

    @skill
    {kind} fail(ctx: Context, request: str) -> Any:
        if request == "raise":
            raise ValueError("two\\nlines")
        if request == "exit":
            sys.exit(3)
        if request == "final":
            raise SkillError("this order cannot be filled")
        if request == "conflict":
            raise Conflict("somebody was first")
        if request == "timeout":
            raise TimeoutError("of its own")
        if request == "cancelled":
            raise asyncio.CancelledError
        if request == "unencodable":
            return object()
        if request == "stop":
            raise StopIteration(1)
        return "fine"
"""


@pytest.fixture(params=["def", "async def"])
async def failing(request, instance):
    return await instance(FAILING.format(kind=request.param))


@pytest.mark.parametrize(
    ("how", "status", "kind", "detail"),
    [
        ("raise", 500, "SkillCrashed", "tested: ValueError: two lines (main.py:9)"),
        ("exit", 500, "SkillCrashed", "tested: SystemExit: it called sys.exit(3) (main.py:11)"),
        ("timeout", 500, "SkillCrashed", "tested: TimeoutError: of its own (main.py:17)"),
        ("cancelled", 500, "SkillCrashed", "tested: CancelledError (main.py:19)"),
        ("final", 422, "SkillError", "this order cannot be filled"),
        ("conflict", 409, "Conflict", "somebody was first"),
    ],
)
async def test_each_failure_has_its_status_and_says_where(failing, how, status, kind, detail):
    got, problem = await failing.post(how)
    assert (got, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:catnap:error:{kind}"
    assert problem["detail"] == detail
    assert await failing.post("go on") == (200, "fine")


async def test_an_answer_that_is_not_json_says_so(failing):
    status, problem = await failing.post("unencodable")
    assert status == 500
    assert "object" in problem["detail"]


async def test_a_stop_iteration_does_not_hang_the_caller(failing):
    assert (await failing.post("stop"))[0] == 500


async def test_the_traceback_goes_to_stderr_from_the_skills_first_frame_on(failing, capsys):
    await failing.post("raise")
    written = capsys.readouterr().err
    assert written.startswith("Traceback (most recent call last):\n")
    assert 'main.py", line 9, in fail' in written
    assert "/catnap/host/" not in written
    await failing.post("final")
    assert capsys.readouterr().err == ""


async def test_the_place_is_in_the_skills_own_code_wherever_the_error_was_raised(instance):
    running = await instance(
        """
        import json
        from catnap import Context, skill

        def inner():
            return json.loads("{")

        @skill
        async def load(ctx: Context) -> None:
            inner()
        """
    )
    _, problem = await running.post()
    assert "JSONDecodeError" in problem["detail"]
    assert problem["detail"].endswith("(main.py:6)")


async def test_a_long_reason_is_cut(instance):
    running = await instance(
        """
        from catnap import Context, skill

        @skill
        def talk(ctx: Context) -> None:
            raise ValueError("x" * 100_000)
        """
    )
    _, problem = await running.post()
    assert len(problem["detail"]) < 600


HANGING = """
    import asyncio, threading
    from catnap import Context, skill

    release = threading.Event()
    seen = []

    @skill
    {kind} hang(ctx: Context, request: str) -> str:
        if request == "fine":
            return "fine"
        {wait}
        return "late"
"""
ASYNC_WAIT = """
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise"""
STUBBORN_WAIT = """
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass"""
CONVERTING_WAIT = """
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("hidden")"""


@pytest.mark.parametrize(
    ("kind", "wait"),
    [
        ("async def", ASYNC_WAIT),
        ("async def", STUBBORN_WAIT),
        ("async def", CONVERTING_WAIT),
        ("def", "release.wait()"),
    ],
)
async def test_a_skill_that_never_answers_is_a_passed_deadline(instance, kind, wait):
    running = await instance(HANGING.format(kind=kind, wait=wait))
    status, problem = await running.post("hang", {"catnap-timeout": "50ms"})
    assert (status, problem["type"]) == (504, "urn:catnap:error:DeadlineExceeded")
    assert await running.post("fine") == (200, "fine")
    _module("main").release.set()


async def test_the_deadline_cancels_an_async_skill(instance):
    running = await instance(HANGING.format(kind="async def", wait=ASYNC_WAIT))
    await running.post("hang", {"catnap-timeout": "20ms"})
    assert _module("main").seen == ["cancelled"]


async def test_a_sync_skill_past_its_deadline_makes_the_instance_unhealthy_until_it_ends(instance):
    running = await instance(HANGING.format(kind="def", wait="release.wait()"))
    assert await running.healthz() == 200
    await running.post("hang", {"catnap-timeout": "20ms"})
    assert await running.healthz() == 503
    _module("main").release.set()
    while await running.healthz() != 200:
        await asyncio.sleep(0)


DEAF = """
    import asyncio
    from catnap import Context, skill

    told, most = [], 3

    @skill
    async def deaf(ctx: Context, request: str) -> str:
        while len(told) < most:
            try:
                await asyncio.Event().wait()
            except:
                told.append(1)
        return "late"
"""


async def test_a_skill_that_takes_no_notice_of_its_end_is_told_again(instance, monkeypatch):
    monkeypatch.setattr(deadlines, "AGAIN", 0.01)
    running = await instance(DEAF)
    assert (await running.post("", {"catnap-timeout": "20ms"}))[0] == 504
    assert len(_module("main").told) == 3
    assert running.app.gate.inside == 0


async def test_as_long_as_it_takes_no_notice_the_instance_is_unhealthy(instance, monkeypatch):
    monkeypatch.setattr(app, "LATE", 0.01)
    monkeypatch.setattr(deadlines, "AGAIN", 0.01)
    running = await instance(DEAF)
    _module("main").most = math.inf
    call = asyncio.create_task(running.post("", {"catnap-timeout": "20ms"}))
    while await running.healthz() == 200:
        await asyncio.sleep(0)
    _module("main").most = 0
    assert (await call)[0] == 504
    assert await running.healthz() == 200


async def test_a_client_that_leaves_is_seen_behind_a_deadline_that_is_ignored(
    instance, monkeypatch
):
    monkeypatch.setattr(deadlines, "AGAIN", 0.01)
    running = await instance(DEAF)
    _module("main").most = math.inf
    call = asyncio.create_task(running.post("", {"catnap-timeout": "20ms"}))
    while len(_module("main").told) < 3:
        await asyncio.sleep(0)
    call.cancel()
    _module("main").most = len(_module("main").told) + 3
    while running.app.gate.inside:
        await asyncio.sleep(0)


async def test_the_manifest_bounds_what_a_call_may_take(instance):
    running = await instance(
        HANGING.format(kind="async def", wait=ASYNC_WAIT), '[limits]\ntimeout = "1s"'
    )
    status, _ = await running.post("hang", {"catnap-timeout": "1h"})
    assert status == 504


async def test_a_caller_that_leaves_cancels_the_skill(instance):
    running = await instance(HANGING.format(kind="async def", wait=ASYNC_WAIT))
    call = asyncio.create_task(running.post("hang"))
    while not running.app.gate.inside:
        await asyncio.sleep(0)
    call.cancel()
    while not _module("main").seen:
        await asyncio.sleep(0)


async def test_an_instance_at_its_limit_makes_calls_wait_and_then_refuses(instance):
    running = await instance(
        """
        import asyncio
        from catnap import Context, skill

        gate, running, most = asyncio.Event(), 0, 0

        @skill
        async def count(ctx: Context) -> int:
            global running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1
            return most
        """,
        "[scale]\nconcurrency = 2",
    )
    calls = [asyncio.create_task(running.post()) for _ in range(2 + 20)]
    while running.app.gate.waiting < 20:
        await asyncio.sleep(0)
    reply = await running.send("POST", "/", [], b"")
    assert reply.status == 503
    assert msgspec.json.decode(await reply.read())["type"] == "urn:catnap:error:Unavailable"
    assert reply.headers[b"retry-after"] == b"1"
    assert await running.healthz() == 200
    _module("main").gate.set()
    assert set(await asyncio.gather(*calls)) == {(200, 2)}


async def test_time_in_the_queue_counts_against_the_deadline(instance):
    running = await instance(
        HANGING.format(kind="async def", wait=ASYNC_WAIT), "[scale]\nconcurrency = 1"
    )
    first = asyncio.create_task(running.post("hang", {"catnap-timeout": "60s"}))
    while not running.app.gate.inside:
        await asyncio.sleep(0)
    status, _ = await running.post("fine", {"catnap-timeout": "20ms"})
    assert status == 504
    first.cancel()


async def test_sync_calls_run_side_by_side_up_to_the_limit(instance):
    running = await instance(
        """
        import threading
        from catnap import Context, skill

        together = threading.Barrier(3)

        @skill
        def meet(ctx: Context) -> int:
            return together.wait(30)
        """,
        "[scale]\nconcurrency = 3",
    )
    answers = await asyncio.gather(*(running.post() for _ in range(3)))
    assert sorted(answers) == [(200, 0), (200, 1), (200, 2)]


def _module(name):
    return sys.modules[name]
