"""functions-framework's async functions run on the host's own loop."""

import asyncio

import msgspec
import pytest

from catnap.http import ConnectionLost

from .conftest import EVENT, JSON

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HTTP = """
    import asyncio
    import functions_framework.aio
    from starlette.background import BackgroundTask
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse, StreamingResponse, Response

    stubborn, listening = [], []
    loops, ended, later = set(), asyncio.Event(), asyncio.Event()

    async def parts():
        for n in range(3):
            yield f"{n};"

    async def forever():
        try:
            yield "begun;"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def broken():
        yield "begun;"
        raise ValueError("in the middle")

    async def afterwards():
        later.set()

    @functions_framework.aio.http
    async def hello(request):
        loops.add(asyncio.get_running_loop())
        match request.url.path:
            case "/json":
                return {"got": await request.json(), "who": request.query_params["who"]}
            case "/tuple":
                return "no", 404
            case "/made":
                return Response("made", 201, {"x-y": "z"})
            case "/stream":
                return StreamingResponse(parts())
            case "/forever":
                return StreamingResponse(forever())
            case "/broken":
                return StreamingResponse(broken())
            case "/abort":
                raise HTTPException(403, "not you")
            case "/raise":
                raise ValueError("not handled")
            case "/exit":
                raise SystemExit(3)
            case "/cancel":
                raise asyncio.CancelledError
            case "/stubborn":
                for _ in range(2):
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        stubborn.append(request)
                return "late"
            case "/hang":
                await asyncio.Event().wait()
            case "/listening":
                await request.body()
                listening.append(asyncio.create_task(request.receive()))
            case "/background":
                return JSONResponse(1, background=BackgroundTask(afterwards))
        return f"{request.method} {request.headers['x-name']}"
"""


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", "/json?who=eve", 200, b'{"got":[1],"who":"eve"}'),
        ("POST", "/made", 201, b"made"),
        ("POST", "/tuple", 404, b"no"),
        ("POST", "/abort", 403, b"not you"),
        ("GET", "/stream", 200, b"0;1;2;"),
        ("PUT", "/any/where", 200, b"PUT n"),
    ],
)
async def test_an_async_function_answers_with_anything_the_framework_takes(
    instance, method, path, status, body
):
    running = await instance(HTTP)
    reply = await running.send(method, path, [*JSON, (b"x-name", b"n")], b"[1]")
    assert (reply.status, await reply.read()) == (status, body)
    import main

    assert main.loops <= {asyncio.get_running_loop()}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/raise", "tested: ValueError: not handled (main.py:48)"),
        ("/exit", "tested: SystemExit: it called sys.exit(3) (main.py:50)"),
        ("/cancel", "tested: CancelledError (main.py:52)"),
    ],
)
async def test_an_unhandled_exception_is_a_crash_that_says_where(instance, path, detail):
    reply = await (await instance(HTTP)).send("POST", path, JSON, b"")
    problem = msgspec.json.decode(await reply.read())
    assert (reply.status, problem["type"]) == (500, "urn:catnap:error:SkillCrashed")
    assert problem["detail"] == detail


@pytest.mark.parametrize("path", ["/hang", "/stubborn"])
async def test_a_deadline_interrupts_it(instance, path):
    running = await instance(HTTP)
    reply = await running.send("POST", path, [(b"catnap-timeout", b"50ms")], b"")
    assert reply.status == 504
    assert await running.healthz() == 200


async def test_a_stream_ends_when_its_client_leaves(instance):
    reply = await (await instance(HTTP)).send("GET", "/forever", [], b"")
    assert await anext(aiter(reply.body)) == b"begun;"
    reply.close()
    import main

    await asyncio.wait_for(main.ended.wait(), 30)


async def test_a_stream_that_breaks_is_broken_off(instance):
    reply = await (await instance(HTTP)).send("GET", "/broken", [], b"")
    assert reply.status == 200
    with pytest.raises(ConnectionLost):
        await reply.read()


async def test_what_follows_the_answer_is_done(instance):
    reply = await (await instance(HTTP)).send("GET", "/background", [], b"")
    assert await reply.read() == b"1"
    import main

    await asyncio.wait_for(main.later.wait(), 30)


async def test_who_listens_for_the_client_hears_of_the_end_of_the_answer(instance):
    running = await instance(HTTP)
    reply = await running.send("GET", "/listening", [(b"x-name", b"n")], b"")
    assert await reply.read() == b"GET n"
    import main

    await asyncio.wait_for(asyncio.gather(*main.listening), 30)
    assert [each.result()["type"] for each in main.listening] == ["http.disconnect"]


async def test_a_cloud_event_function_gets_the_sdks_event(instance):
    running = await instance(
        """
        import functions_framework.aio

        seen = []

        @functions_framework.aio.cloud_event
        async def handle(event):
            seen.append((event["id"], event["userid"], event.data))
            return "dropped"
        """
    )
    reply = await running.send("POST", "/", [*EVENT, (b"ce-userid", b"eve"), *JSON], b'{"a":1}')
    assert (reply.status, await reply.read()) == (200, b"OK")
    import main

    assert main.seen == [("1", "eve", {"a": 1})]
    assert (await running.send("POST", "/", JSON, b"{}")).status == 400
    assert (await running.send("GET", "/", [], b"")).status == 405
