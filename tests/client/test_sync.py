"""The blocking client against real gRPC services."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from catnap import errors
from catnap.client import Client, Piece, TaskState, Unreachable, connect
from tests.client.gateway import FAILURES, TIMINGS, Gateway


def test_an_answer_comes_with_its_task_instance_and_timings(client: Client) -> None:
    answer = client.invoke("echo", {"naïve": ["☃", 1.5, None]})
    assert answer.json() == {"naïve": ["☃", 1.5, None]}
    assert (answer.task, answer.instance) == ("task-1", "echo-00001-a")
    assert dict(answer.timings) == TIMINGS


def test_an_answer_can_be_read_as_a_type(client: Client) -> None:
    class Point(msgspec.Struct):
        x: int

    assert client.invoke("echo", {"x": 3}).json(Point) == Point(3)
    with pytest.raises(errors.InvalidRequest, match="Expected `int`"):
        client.invoke("echo", {"x": "three"}).json(Point)


def test_every_option_reaches_the_gateway(client: Client) -> None:
    seen = client.invoke(
        "options",
        b"abc",
        content_type="text/plain",
        user="ada",
        session="s1",
        timeout=30,
        idempotency_key="once",
        priority="high",
    ).json()
    assert 0 < seen.pop("remaining") < 31  # gRPC rounds it up
    assert seen == {
        "user": "ada",
        "session": "s1",
        "key": "once",
        "priority": 3,
        "content_type": "text/plain",
        "size": 3,
    }


@pytest.mark.parametrize(
    ("payload", "content_type", "size"),
    [(None, "", 0), (b"xy", "application/octet-stream", 2), ([], "application/json", 2)],
)
def test_a_payload_says_what_it_is(
    client: Client, payload: object, content_type: str, size: int
) -> None:
    seen = client.invoke("options", payload).json()
    assert (seen["content_type"], seen["size"]) == (content_type, size)


def test_what_is_not_json_is_refused_before_it_is_sent(client: Client) -> None:
    with pytest.raises(errors.InvalidRequest, match="cannot be written as JSON"):
        client.invoke("echo", {"now": object()})


@pytest.mark.parametrize("name", FAILURES)
def test_each_refusal_is_raised_as_the_class_that_was_meant(client: Client, name: str) -> None:
    with pytest.raises(errors.CatnapError) as raised:
        client.invoke(name)
    assert type(raised.value) is type(FAILURES[name])
    assert raised.value.message == FAILURES[name].message
    assert raised.value.retry_after == FAILURES[name].retry_after


def test_a_refusal_without_our_details_is_read_by_its_code(client: Client) -> None:
    with pytest.raises(errors.InvalidRequest, match="not ours"):
        client.invoke("bare")


def test_pushback_says_when_to_repeat(client: Client) -> None:
    with pytest.raises(errors.ResourceExhausted) as raised:
        client.invoke("pushback")
    assert raised.value.retry_after == 0.25


def test_a_timeout_ends_the_call_on_both_sides(client: Client, gateway: Gateway) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        client.invoke("never", timeout=0.2)
    assert gateway.skills.cancelled.wait(10)


def test_no_gateway_is_told_with_its_address() -> None:
    with (
        connect("127.0.0.1:9", "x") as nobody,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"),
    ):
        nobody.skills.list()


def test_a_wrong_token_is_refused_and_an_impossible_one_never_sent(gateway: Gateway) -> None:
    with (
        connect(gateway.address, "wrong") as stranger,
        pytest.raises(errors.Unauthenticated),
    ):
        stranger.invoke("echo")
    with pytest.raises(errors.InvalidRequest, match="token"):
        connect(gateway.address, "two words")


def test_a_payload_of_100_mb_passes(client: Client) -> None:
    data = bytes(100_000_000)
    answer = client.invoke("echo", data)
    assert answer.data == data


def test_a_stream_gives_its_head_first_and_then_its_parts(client: Client) -> None:
    with client.stream("count") as stream:
        assert (stream.head.content_type, stream.head.task) == ("text/plain", "task-2")
        assert list(stream) == [b"one ", b"two ", b"three"]


def test_a_stream_that_breaks_gives_what_came_and_then_the_error(client: Client) -> None:
    parts = iter(client.stream("count", "break"))
    assert [next(parts), next(parts)] == [b"one ", b"two "]
    with pytest.raises(errors.SkillCrashed, match="ZeroDivisionError"):
        next(parts)


def test_a_stream_that_is_refused_raises_at_the_call(client: Client) -> None:
    with pytest.raises(errors.NotFound, match="unknown"):
        client.stream("unknown")
    with pytest.raises(errors.SkillCrashed, match="before it had begun"):
        client.stream("silent")


def test_a_task_runs_to_its_result(client: Client) -> None:
    task = client.submit("echo", {"a": 1}, user="ada")
    assert (task.state, task.state.ended, task.result) == (TaskState.QUEUED, False, None)
    task = client.tasks.wait(task.id, timeout=5)
    assert task.state is TaskState.SUCCEEDED
    assert task.result is not None
    assert task.result.json() == {"a": 1}
    assert client.tasks.get(task.id) == task


def test_a_submitted_task_has_a_deadline_of_its_own(client: Client, gateway: Gateway) -> None:
    client.submit("echo", timeout=3600)
    assert abs(gateway.tasks.deadlines[0] - time.time() - 3600) < 60


def test_tasks_are_listed_over_all_pages_and_by_state_skill_and_user(client: Client) -> None:
    ids = [client.submit("echo", user="ada").id for _ in range(5)]
    broken = client.submit("broken", user="bob")
    client.tasks.wait(broken.id)
    assert [task.id for task in client.tasks.list(skill="echo")] == ids[::-1]
    assert [task.id for task in client.tasks.list(user="bob")] == [broken.id]
    [dead] = client.tasks.list(states=[TaskState.DEAD])
    assert isinstance(dead.error, errors.SkillCrashed)
    assert client.tasks.redrive(dead.id).state is TaskState.QUEUED
    assert client.tasks.cancel(ids[0]).state is TaskState.CANCELLED
    with pytest.raises(errors.InvalidRequest, match="not dead"):
        client.tasks.redrive(ids[0])


def test_a_file_travels_in_parts_of_256_kib(client: Client, gateway: Gateway) -> None:
    data = bytes(range(256)) * 3000
    file = client.files.put("deep/er.bin", data, user="ada", content_type="application/x")
    assert (file.key, file.size, file.content_type) == ("deep/er.bin", 768_000, "application/x")
    assert gateway.files.chunks == [262_144, 262_144, 243_712]
    with client.files.get("deep/er.bin", user="ada") as download:
        assert download.head == file
        assert b"".join(download) == data


def test_content_may_be_a_path_an_open_file_or_parts(client: Client, tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"a\nb" * 1000)
    client.files.put("1", tmp_path / "note")
    client.files.put("2", io.BytesIO(b"a\nb" * 1000))
    client.files.put("3", (b"a\nb" for _ in range(1000)))
    client.files.put("4", b"")
    assert [client.files.get(key).read() for key in "123"] == [b"a\nb" * 1000] * 3
    assert client.files.get("4").read() == b""


def test_files_are_kept_apart_by_user_session_and_task(client: Client) -> None:
    for scope in ({}, {"user": "ada"}, {"user": "ada", "session": "s"}, {"task": "t"}):
        client.files.put("key", str(scope).encode(), **scope)
    assert client.files.get("key", user="ada", session="s").read() == (
        b"{'user': 'ada', 'session': 's'}"
    )


def test_files_are_listed_over_all_pages(client: Client) -> None:
    for number in range(5):
        client.files.put(f"a/{number}", b"")
    client.files.put("b", b"")
    assert [file.key for file in client.files.list("a/")] == [f"a/{n}" for n in range(5)]


def test_a_conditional_write_that_loses_is_a_conflict(client: Client) -> None:
    client.files.put("key", b"1", if_none_match="*")
    with pytest.raises(errors.Conflict, match="exists already"):
        client.files.put("key", bytes(5_000_000), if_none_match="*")
    assert client.files.get("key").read() == b"1"


def test_a_deleted_file_is_gone(client: Client) -> None:
    client.files.put("key", b"")
    client.files.delete("key")
    for gone in (lambda: client.files.get("key"), lambda: client.files.delete("key")):
        with pytest.raises(errors.NotFound, match="'key'"):
            gone()


def test_content_that_breaks_off_raises_its_own_error(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> Iterator[bytes]:
        yield bytes(1_000_000)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        client.files.put("key", parts())
    with pytest.raises(FileNotFoundError):
        client.files.put("key", Path("/nowhere/at/all"))
    assert not caplog.records


def test_skills_say_what_an_agent_needs(client: Client) -> None:
    [skill] = client.skills.list()
    assert skill == client.skills.get("echo")
    assert skill.input_schema == {"type": "object"}
    assert skill.output_schema is None
    assert skill.triggers == ("com.example.ping",)


def test_logs_are_read_to_their_end_or_followed(client: Client) -> None:
    assert [record.text for record in client.skills.logs("echo", tail=2)] == ["line 0", "line 1"]
    following = client.skills.logs("echo", tail=1, follow=True)
    assert next(following).text == "line 0"


def test_a_text_comes_in_pieces_and_the_last_one_says_what_it_took(
    client: Client, gateway: Gateway
) -> None:
    pieces = list(client.models.generate("a b c", model="writer", max_tokens=2, seed=0, stop=["."]))
    assert [piece.text for piece in pieces] == ["a ", "b ", ""]
    assert pieces[-1] == Piece("", "length", 3, 2)
    asked = gateway.models.generating
    assert (asked.model, asked.HasField("temperature"), asked.seed) == ("writer", False, 0)
    assert asked.HasField("seed")
    assert asked.stop == ["."]
    chat = [{"role": "user", "content": "hello you"}]
    assert len(list(client.models.generate(messages=chat, temperature=0))) == 3
    assert gateway.models.generating.messages[0].role == "user"
    assert gateway.models.generating.HasField("temperature")
    with pytest.raises(errors.InvalidRequest, match="does not generate"):
        list(client.models.generate("a", model="lengths"))
    with pytest.raises(errors.InvalidRequest, match="a list of texts"):
        client.models.generate("a", stop=".")


def test_who_leaves_a_text_ends_it(client: Client, gateway: Gateway) -> None:
    for piece in client.models.generate("a", model="endless"):
        assert piece.text == "a "
        break
    assert gateway.models.generated.wait(20)


def test_vectors_are_one_buffer(client: Client) -> None:
    found = client.models.embed(["a b", "abcd"])
    assert (found.model, found.tokens) == ("lengths", (2, 1))
    assert found.matrix().shape == (2, 2)
    assert [found.matrix()[at] for at in ((0, 0), (1, 1))] == [3.0, 4.0]
    assert [model.name for model in client.models.list()] == ["lengths"]
    with pytest.raises(errors.InvalidRequest, match="a list of texts"):
        client.models.embed("one")
