"""functions-framework functions run as they stand."""

import asyncio
import threading

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.host.decorated import FRAMEWORK, find_decorated
from catnap.host.loader import load

from .conftest import EVENT, JSON

# Starlette, which the framework imports, warns about its own test client.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HTTP = """
    import flask
    import functions_framework

    @functions_framework.errorhandler(ZeroDivisionError)
    def teapot(error):
        return "divided", 418

    @functions_framework.http
    def hello(request: flask.Request):
        if request.path == "/json":
            return {"got": request.get_json(), "who": request.args.get("who")}
        if request.path == "/made":
            response = flask.make_response("made", 201)
            response.set_cookie("a", "b")
            return response
        if request.path == "/tuple":
            return "no", 404, {"x-y": "z"}
        if request.path == "/abort":
            flask.abort(403)
        if request.path == "/divide":
            return str(1 / 0)
        if request.path == "/raise":
            raise ValueError("not handled")
        if request.path == "/stream":
            @flask.stream_with_context
            def parts():
                for n in range(3):
                    yield f"{request.method}{n};"
            return flask.Response(parts())
        return f"{request.method} {request.headers['x-name']}"
"""

CLOUD_EVENT = """
    import functions_framework

    seen = []

    @functions_framework.cloud_event
    def handle(event):
        if event.data == "raise":
            raise ValueError("not handled")
        seen.append((event["id"], event["type"], event["userid"], event.data))
        return "dropped"
"""


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", "/json?who=eve", 200, b'{"got":[1],"who":"eve"}\n'),
        ("POST", "/made", 201, b"made"),
        ("POST", "/tuple", 404, b"no"),
        ("POST", "/divide", 418, b"divided"),
        ("GET", "/stream", 200, b"GET0;GET1;GET2;"),
        ("PUT", "/any/where", 200, b"PUT n"),
        ("DELETE", "/", 200, b"DELETE n"),
    ],
)
async def test_a_flask_function_answers_with_anything_that_flask_takes(
    instance, method, path, status, body
):
    running = await instance(HTTP)
    reply = await running.send(method, path, [*JSON, (b"x-name", b"n")], b"[1]")
    assert (reply.status, await reply.read()) == (status, body)
    assert b"handle;dur=" in reply.headers[b"server-timing"]
    if path == "/tuple":
        assert reply.headers[b"x-y"] == b"z"


async def test_flask_answers_an_abort_in_its_own_words(instance):
    reply = await (await instance(HTTP)).send("POST", "/abort", JSON, b"")
    assert reply.status == 403
    assert b"Forbidden" in await reply.read()


async def test_a_handler_for_500_of_the_functions_own_is_asked(instance):
    running = await instance(
        """
        import functions_framework

        @functions_framework.errorhandler(500)
        def sorry(error):
            return f"sorry: {error.original_exception}", 500

        @functions_framework.http
        def raises(request):
            raise ValueError("not handled")
        """
    )
    reply = await running.send("POST", "/", JSON, b"")
    assert (reply.status, await reply.read()) == (500, b"sorry: not handled")


async def test_an_unhandled_exception_is_a_crash_that_says_where(instance, capsys):
    reply = await (await instance(HTTP)).send("POST", "/raise", JSON, b"")
    problem = msgspec.json.decode(await reply.read())
    assert (reply.status, problem["type"]) == (500, "urn:catnap:error:SkillCrashed")
    assert problem["detail"] == "tested: ValueError: not handled (main.py:24)"
    assert "in hello" in capsys.readouterr().err


async def test_a_cloud_event_function_gets_the_sdks_event(instance):
    running = await instance(CLOUD_EVENT)
    headers = [*EVENT, (b"ce-userid", b"eve"), *JSON]
    reply = await running.send("POST", "/", headers, b'{"a":1}')
    assert (reply.status, await reply.read()) == (200, b"OK")
    import main

    assert main.seen == [("1", "test", "eve", {"a": 1})]
    reply = await running.send("POST", "/", headers, b'"raise"')
    assert b"ValueError: not handled (main.py:9)" in await reply.read()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ('"OK"', 202, b""),
        ('""', 200, b""),
        ('"no", 422', 422, b"no"),
        (
            '"1", {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/a", "ce-type": "b"}',
            200,
            b"1",
        ),
    ],
)
async def test_a_broker_that_wants_replies_gets_events_only(instance, answer, status, body):
    running = await instance(
        f"""
        import functions_framework

        @functions_framework.http
        def handle(request):
            return {answer}
        """
    )
    reply = await running.send("POST", "/", [*EVENT, (b"prefer", b"reply")], b"")
    assert (reply.status, await reply.read()) == (status, body)


@pytest.mark.parametrize("headers", [JSON, EVENT[1:]])
async def test_a_cloud_event_function_takes_nothing_else(instance, headers):
    reply = await (await instance(CLOUD_EVENT)).send("POST", "/", headers, b"{}")
    assert reply.status == 400
    assert b"pecversion" in await reply.read()
    reply = await (await instance(CLOUD_EVENT)).send("GET", "/", [], b"")
    assert reply.status == 405


async def test_an_undecorated_function_is_what_the_manifest_says(instance):
    http = await instance(
        "def hello(request):\n    return request.method", 'entry = "main:hello"\nsignature = "http"'
    )
    reply = await http.send("GET", "/", [], b"")
    assert await reply.read() == b"GET"
    event = await instance(
        "def handle(event):\n    assert event['id'] == '1'",
        'entry = "main:handle"\nsignature = "cloudevent"',
    )
    assert (await event.send("POST", "/", EVENT, b"")).status == 200


async def test_calls_run_side_by_side_and_past_the_deadline_make_it_unhealthy(instance):
    running = await instance(
        """
        import functions_framework
        import threading

        release = threading.Event()

        @functions_framework.http
        def hang(request):
            release.wait(30)
            return "late"
        """
    )
    calls = [running.send("POST", "/", [(b"catnap-timeout", b"50ms")], b"") for _ in range(3)]
    assert [reply.status for reply in await asyncio.gather(*calls)] == [504] * 3
    assert await running.healthz() == 503
    import main

    assert isinstance(main.release, threading.Event)
    main.release.set()


@pytest.mark.parametrize(
    ("code", "manifest", "names"),
    [
        (
            "import functions_framework\n"
            "@functions_framework.http\ndef a(r): ...\n"
            "@functions_framework.http\ndef b(r): ...",
            "",
            "several functions (a, b): name one in skill.toml, such as entry = 'main:a'",
        ),
        ("def a(r): ...", 'signature = "http"', "signature = 'http' needs the function's name"),
        (
            "import functions_framework\nfrom catnap import skill\n"
            "@functions_framework.http\ndef a(r): ...\n"
            "@skill\ndef b(ctx): ...",
            "",
            "several functions (a, b): name one in skill.toml, such as entry = 'main:a'",
        ),
        (
            "import functions_framework\n@functions_framework.http\ndef a(r): ...",
            'entry = "main:b"\nsignature = "http"',
            "main.py has no function 'b', which skill.toml names",
        ),
    ],
)
def test_what_cannot_be_loaded_says_what_to_do(folder, fresh, code, manifest, names):
    made = folder("", manifest)
    (made / "main.py").write_text(code)
    with pytest.raises(InvalidRequest) as caught:
        load(str(made))
    assert names in caught.value.message


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import functions_framework\n@functions_framework.http\ndef a(r): ...", ["a"]),
        ("import functions_framework as ff\n@ff.cloud_event\ndef a(r): ...", ["a"]),
        ("from functions_framework import http as h\n@h\ndef a(r): ...", ["a"]),
        ("import functions_framework\n@functions_framework.typed(int)\ndef a(r): ...", ["a"]),
        ("# functions_framework\nfrom catnap import skill\n@skill\ndef a(ctx): ...", []),
        ("import functions_framework\n@(lambda f: f)\ndef a(r): ...\ndef b(r): ...", []),
        ("import functions_framework.aio as a\n@a.http\nasync def f(r): ...", ["f"]),
        ("import functions_framework as f\n@f.errorhandler(KeyError)\ndef a(r): ...", []),
        ("def (", []),
    ],
)
def test_decorated_functions_are_found_without_running_the_file(tmp_path, code, names):
    file = tmp_path / "main.py"
    file.write_text(code)
    assert find_decorated(file, FRAMEWORK) == names
