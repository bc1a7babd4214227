"""The host as a process: how it starts, says so, drains and ends."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.host.main import parse
from catnap.http import Client, Target

from .conftest import ENV, JSON, ask

SLOW = """
    import asyncio, os, time, atexit
    from catnap import Context, skill

    atexit.register(lambda: print("at exit"))

    @skill
    {kind} slow(ctx: Context, request: float) -> str:
        print("begun")
        {wait}(request)
        return os.getcwd()
"""
SYNC = SLOW.format(kind="def", wait="time.sleep")
ASYNC = SLOW.format(kind="async def", wait="await asyncio.sleep")


def test_it_answers_from_the_skills_folder_and_ends_on_sigterm(folder, process):
    made = folder(SYNC)
    host = process(made)
    assert ask(host.target, 0) == (200, str(made))
    assert host.end() == (0, "begun\nat exit\n", "")
    assert not Path(host.target.path).exists()


@pytest.mark.parametrize("code", [SYNC, ASYNC])
async def test_sigterm_lets_a_call_finish_and_says_that_it_closes(folder, process, code):
    host = process(folder(code), CATNAP_GRACE="20")
    client = Client()
    call = asyncio.create_task(client.request(host.target, "POST", "/", JSON, b"0.5"))
    assert await asyncio.to_thread(host.line) == "begun"
    ending = asyncio.create_task(asyncio.to_thread(host.end))
    health = await client.request(host.target, "GET", "/healthz")
    while health.status == 200:
        health = await client.request(host.target, "GET", "/healthz")
    assert (health.status, health.headers[b"connection"]) == (503, b"close")
    reply = await call
    assert (reply.status, reply.headers[b"connection"]) == (200, b"close")
    await reply.read()
    assert (await ending)[0] == 0
    await client.close()


@pytest.mark.parametrize("code", [SYNC, ASYNC])
async def test_a_call_that_does_not_end_holds_up_the_exit_for_the_grace_only(folder, process, code):
    host = process(folder(code), CATNAP_GRACE="0.2")
    client = Client()
    call = asyncio.create_task(client.request(host.target, "POST", "/", JSON, b"3600"))
    assert await asyncio.to_thread(host.line) == "begun"
    status, out, _ = await asyncio.to_thread(host.end)
    assert (status, out) == (0, "at exit\n")
    with pytest.raises(Exception, match="closed the connection"):
        await call


LEFT = """
    import asyncio, time
    from catnap import Context, skill

    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except:
                pass

    async def tidy():
        try:
            await asyncio.Event().wait()
        finally:
            print("put away")

    tasks = []

    @skill
    async def leave(ctx: Context, request: str) -> None:
        tasks.extend(asyncio.create_task(each) for each in (stubborn(), tidy()))
        await asyncio.sleep(0)
        await asyncio.to_thread(time.sleep, 3600)
"""


def test_what_a_call_has_left_behind_is_told_to_end_and_not_waited_for(folder, process):
    host = process(folder(LEFT), CATNAP_GRACE="0.2")
    assert ask(host.target, "", [*JSON, (b"catnap-timeout", b"50ms")])[0] == 504
    assert host.end()[:2] == (0, "put away\n")


def test_lines_of_output_are_records_with_their_task(folder, tmp_path):
    made = folder(
        """
        import logging, sys
        from catnap import Context, skill

        print("imported")

        @skill
        def talk(ctx: Context) -> None:
            print("out", file=sys.stdout)
            logging.warning("err")
            print("no end", end="")
        """
    )
    path = tmp_path / "s.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "catnap.host", made, "--socket", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENV, "CATNAP_LOG": "json"},
    )
    assert process.stdout
    assert json.loads(process.stdout.readline())["text"] == "imported"
    assert "ready on" in process.stdout.readline()
    event = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "taskid": "t7"}
    headers = [(b"content-type", b"application/cloudevents+json")]
    assert ask(Target(path=str(path)), event, headers) == (200, None)
    process.terminate()
    out, err = process.communicate(timeout=60)
    records = [json.loads(line) for line in (out + err).splitlines()]
    assert [(r["stream"], r["task"], r["text"]) for r in records] == [
        ("stdout", "t7", "out"),
        ("stdout", "t7", "no end"),
        ("stderr", "t7", "WARNING:root:err"),
    ]


def run(*arguments: object, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "catnap.host", *arguments],
        env={**ENV, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.stdout
    return done.returncode, done.stderr


def test_a_skill_that_cannot_be_loaded_is_one_line_and_status_1(folder, tmp_path):
    made = folder("import foo_absent")
    assert run(made, "--port", "0") == (
        1,
        f"catnap host: cannot load {made}: main.py line 1: ModuleNotFoundError: "
        "No module named 'foo_absent'\n",
    )
    status, err = run(tmp_path / "absent", "--port", "0")
    assert (status, "has no skill.toml" in err) == (1, True)


def test_an_address_that_is_taken_is_one_line_and_status_1(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, err = run(folder(SYNC), PORT=str(port))
        assert status == 1
        assert err == f"catnap host: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "usage: catnap host FOLDER"),
        (["a", "b"], "usage: catnap host FOLDER"),
        (["a", "--prot", "1"], "--prot is not known"),
        (["a", "--port"], "--port needs a value"),
        (["a", "--port", "http"], "port 'http': must be a number"),
        (["a", "--port=70000"], "port '70000': must be a number"),
    ],
)
def test_wrong_arguments_are_told(arguments, reason):
    with pytest.raises(InvalidRequest, match=reason):
        parse(arguments, {})


@pytest.mark.parametrize(
    ("arguments", "env", "host", "port"),
    [
        ([], {}, "127.0.0.1", 8080),
        ([], {"PORT": "9"}, "127.0.0.1", 9),
        ([], {"PORT": "9", "K_SERVICE": "echo"}, "0.0.0.0", 9),
        (["--port", "7", "--host=::1"], {"PORT": "9", "K_SERVICE": "echo"}, "::1", 7),
    ],
)
def test_where_it_listens(arguments, env, host, port):
    found = parse(["folder", *arguments], env)
    assert (found.folder, found.host, found.port) == ("folder", host, port)


def test_wrong_settings_are_told(folder):
    assert run(folder(SYNC), CATNAP_CONCURRENCY="many") == (
        2,
        "catnap host: CATNAP_CONCURRENCY=many: must be a number, 0 or more\n",
    )


async def test_what_a_skill_asks_goes_to_the_callback_or_where_its_call_says_with_its_grant(
    folder, process, tmp_path
):
    from catnap.http import Request, Response, Server

    seen = []

    async def gateway(request: Request) -> Response:
        seen.append((request.method, request.target, request.text(b"authorization")))
        return Response(200, [(b"etag", b"1")], b"cats nap")

    server = Server(gateway)
    host, port = await server.listen(host="127.0.0.1")
    made = folder(
        """
        from catnap import Context, skill

        @skill
        def read(ctx: Context) -> str:
            return ctx.run(ctx.files.read("a b.txt")).decode()
        """
    )
    running = process(made, CATNAP_CALLBACK=f"{host}:{port}")
    client = Client()
    headers = [*JSON, (b"authorization", b"Bearer the-grant")]
    reply = await client.request(running.target, "POST", "/", headers, b"null")
    assert msgspec.json.decode(await reply.read()) == "cats nap"
    assert seen == [("GET", "/callback/files/user/a%20b.txt", "Bearer the-grant")]
    other = Server(gateway)
    host, port = await other.listen(host="127.0.0.1")
    await server.drain(0)
    headers.append((b"catnap-callback", f"{host}:{port}".encode()))
    reply = await client.request(running.target, "POST", "/", headers, b"null")
    assert (msgspec.json.decode(await reply.read()), len(seen)) == ("cats nap", 2)
    reply = await client.request(running.target, "POST", "/", JSON, b"null")
    assert (reply.status, b"runs without the platform" in await reply.read()) == (503, True)
    await client.close()
    await other.drain(1)


def test_the_working_directory_is_no_place_to_import_from(folder, tmp_path):
    (tmp_path / "shadow.py").write_text("raise SystemExit('imported from the working directory')")
    made = folder("import shadow")
    done = subprocess.run(
        [sys.executable, "-m", "catnap.host", made, "--port", "0"],
        cwd=tmp_path,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "No module named 'shadow'" in done.stderr
