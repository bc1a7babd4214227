"""stdout and stderr as records that know their task."""

import json
import os
import sys
import threading

import pytest

from catnap import Context, Event
from catnap.host import output


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
    assert max(map(len, texts)) <= output.LONGEST


def test_what_is_no_unicode_is_escaped(lines):
    stream, written = lines
    stream.write("\ud800\n")
    assert [record["text"] for record in written()] == ["\\ud800"]


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
