"""stdout and stderr as records that know their task."""

import contextvars
import json
import logging
import os
import sys
import threading

import pytest

from catnap import Context, Event
from catnap.host import output
from catnap.host.log import Log
from catnap.host.records import LONGEST

from .conftest import EVENT, JSON, ask


@pytest.fixture
def lines():
    """A stream of records, and what came out of it so far."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    stream = output.Lines("stdout", write, clock=lambda: 1767225599.9876)

    def written() -> list[dict]:
        try:
            return [json.loads(line) for line in os.read(read, 1 << 20).splitlines()]
        except BlockingIOError:
            return []

    yield stream, written
    for end in (read, write):
        os.close(end)


def call(task: str = "", traceparent: str = "") -> Context:
    event = Event(id="e1", source="/tests", type="test")
    return Context(event=event, task=task, traceparent=traceparent)


def test_each_line_is_one_record(lines):
    stream, written = lines
    print("a", 1, file=stream)
    print("b\n\nc", file=stream, end="")
    assert written() == [
        {"time": "2025-12-31T23:59:59.987Z", "stream": "stdout", "text": text}
        for text in ("a 1", "b", "")
    ]
    stream.finish()
    assert [record["text"] for record in written()] == ["c"]


def test_tasks_that_run_side_by_side_do_not_mix_their_lines(lines):
    stream, written = lines

    calls = {task: call(task) for task in ("t1", "t2")}

    def say(task: str, text: str) -> None:
        output.running.set(calls[task])
        stream.write(text)

    for task, text in (("t1", "one "), ("t2", "two "), ("t1", "1\n"), ("t2", "2\n")):
        thread = threading.Thread(target=say, args=(task, text))
        thread.start()
        thread.join()
    assert [(record["task"], record["text"]) for record in written()] == [
        ("t1", "one 1"),
        ("t2", "two 2"),
    ]


def test_a_long_line_becomes_several_and_nothing_is_lost(lines):
    stream, written = lines
    stream.write("x" * 20_000)
    stream.write("y" * 20_000 + "\n")
    texts = [record["text"] for record in written()]
    assert "".join(texts) == "x" * 20_000 + "y" * 20_000
    assert max(map(len, texts)) <= LONGEST


def test_what_is_no_unicode_is_escaped(lines):
    stream, written = lines
    stream.write("\ud800\n")
    assert [record["text"] for record in written()] == ["\\ud800"]


def test_what_is_collected_while_a_line_is_written_may_print_too():
    class Loud:
        def __del__(self):
            print("collected", file=stream)

    garbage = [Loud()]

    def clock():
        garbage.clear()
        return 0.0

    read, write = os.pipe()
    stream = output.Lines("stdout", write, clock)
    writer = threading.Thread(target=stream.write, args=("line\n",), daemon=True)
    writer.start()
    writer.join(30)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert [json.loads(line)["text"] for line in pipe] == ["collected", "line"]


def test_a_reader_that_is_gone_is_no_error():
    read, write = os.pipe()
    os.close(read)
    stream = output.Lines("stdout", write, clock=lambda: 0.0)
    stream.write("nobody listens\n")
    os.close(write)


def test_only_text_can_be_written(lines):
    with pytest.raises(TypeError, match="must be str, not bytes"):
        lines[0].write(b"x")


def test_it_looks_like_the_stream_that_it_stands_for(lines):
    stream, _ = lines
    assert stream.writable()
    assert not stream.readable()
    assert not stream.isatty()
    assert stream.encoding == "utf-8"
    assert stream.fileno() > 2
    assert sys.stdout is not stream


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_record_names_the_trace_that_its_call_is_part_of(lines):
    stream, written = lines
    contextvars.copy_context().run(_say, stream, call("t1", PARENT))
    contextvars.copy_context().run(_say, stream, call())
    first, second = written()
    assert first["task"] == "t1"
    assert first["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert first["span"] == "b7ad6b7169203331"
    assert second["task"] == "e1"
    assert {"trace", "span"}.isdisjoint(second)


def _say(stream, for_call):
    output.running.set(for_call)
    stream.write("x\n")


def test_a_log_message_is_one_record_with_its_level(lines):
    stream, written = lines
    stream.write("begun")
    handler = Log(stream)
    logger = logging.Logger("tests")
    logger.addHandler(handler)
    logger.warning("two\nlines of %d", 2)
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it broke")
    first, second = written()
    assert (first["level"], first["text"]) == ("warning", "two\nlines of 2")
    assert first["stream"] == "stdout"
    assert second["level"] == "error"
    assert second["text"].startswith("it broke\nTraceback")
    assert second["text"].endswith("ValueError: why")


THREADS = """
    import contextvars, logging, sys, threading
    from concurrent.futures import ThreadPoolExecutor
    from catnap import Context, skill

    pool = ThreadPoolExecutor(1)

    @skill
    def speak(ctx: Context, request: str) -> None:
        print("call", request)
        logging.getLogger("mine").warning("log %s", request)
        thread = threading.Thread(target=print, args=("thread", request), kwargs={"end": ""})
        thread.start()
        thread.join()
        pool.submit(print, "pool", request).result()
        thread = contextvars.Context().run(threading.Thread, target=print, args=("nobody",))
        contextvars.Context().run(thread.start)
        thread.join()
"""


def test_whatever_works_for_a_call_writes_for_it(folder, process):
    one = process(folder(THREADS), CATNAP_LOG="json")
    for word in ("a", "b"):
        trace = [(b"traceparent", PARENT.replace("0af", word * 3).encode())]
        event = [*EVENT[:1], (b"ce-id", word.encode()), *EVENT[2:]]
        assert ask(one.target, word, [*JSON, *event, *trace])[0] == 200
    _, out, err = one.end()
    records = [json.loads(line) for line in (out + err).splitlines()]
    for word in ("a", "b"):
        mine = [record for record in records if record.get("task") == word]
        assert {record["text"] for record in mine} == {
            f"{kind} {word}" for kind in ("call", "log", "thread", "pool")
        }
        assert {record["trace"][:3] for record in mine} == {word * 3}
    assert [each["level"] for each in records if each["text"].startswith("log")] == ["warning"] * 2
    assert {record.get("task") for record in records if record["text"] == "nobody"} == {None}


def test_a_skill_that_sets_up_logging_itself_gets_what_it_asks_for(folder, process):
    code = """
        import logging
        from catnap import Context, skill

        logging.basicConfig(level=logging.INFO, format="mine: %(message)s")

        @skill
        async def speak(ctx: Context) -> None:
            logging.info("hello")
    """
    one = process(folder(code), CATNAP_LOG="json")
    ask(one.target)
    texts = [json.loads(line)["text"] for line in one.end()[2].splitlines()]
    assert texts == ["mine: hello"]
