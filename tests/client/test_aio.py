"""The asyncio client: what differs from the blocking one, and that the rest
is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from catnap import errors
from catnap.client import TaskState, Unreachable, aio, sync
from tests.client.gateway import FAILURES, TOKEN, Gateway


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[aio.Client]:
    async with aio.connect(gateway.address, TOKEN) as found:
        yield found


@pytest.mark.parametrize("service", ["Client", "Skills", "Tasks", "Files", "Models"])
def test_both_clients_have_the_same_methods(service: str) -> None:
    def methods(module: object) -> set[str]:
        return {name for name in vars(getattr(module, service)) if not name.startswith("_")}

    assert methods(sync) == methods(aio)


async def test_many_calls_share_one_connection(client: aio.Client) -> None:
    answers = await asyncio.gather(*(client.invoke("echo", n) for n in range(100)))
    assert [answer.json() for answer in answers] == list(range(100))


@pytest.mark.parametrize("name", FAILURES)
async def test_each_refusal_is_raised_as_the_class_that_was_meant(
    client: aio.Client, name: str
) -> None:
    with pytest.raises(errors.CatnapError) as raised:
        await client.invoke(name)
    assert type(raised.value) is type(FAILURES[name])
    assert raised.value.retry_after == FAILURES[name].retry_after


async def test_a_text_comes_in_pieces_and_who_leaves_it_ends_it(
    client: aio.Client, gateway: Gateway
) -> None:
    pieces = [piece async for piece in client.models.generate("a b", model="writer")]
    assert [piece.text for piece in pieces] == ["a ", "b ", ""]
    assert (pieces[-1].finish_reason, pieces[-1].completion_tokens) == ("length", 2)
    gateway.models.generated.clear()
    async with aclosing(client.models.generate("a", model="endless")) as endless:
        assert (await anext(endless)).text == "a "
    assert await asyncio.to_thread(gateway.models.generated.wait, 20)


async def test_no_gateway_is_told_with_its_address() -> None:
    async with aio.connect("127.0.0.1:9") as nobody:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
            await nobody.skills.list()


async def test_a_cancelled_call_ends_on_the_other_side(
    client: aio.Client, gateway: Gateway
) -> None:
    call = asyncio.ensure_future(client.invoke("never"))
    assert await asyncio.to_thread(gateway.skills.begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(gateway.skills.cancelled.wait, 10)


async def test_a_stream_gives_its_head_first_and_then_its_parts(client: aio.Client) -> None:
    async with await client.stream("count") as stream:
        assert stream.head.task == "task-2"
        assert [part async for part in stream] == [b"one ", b"two ", b"three"]
    with pytest.raises(errors.NotFound):
        await client.stream("unknown")
    with pytest.raises(errors.SkillCrashed, match="before it had begun"):
        await client.stream("silent")


async def test_a_stream_that_breaks_raises_its_error(client: aio.Client) -> None:
    with pytest.raises(errors.SkillCrashed):
        await (await client.stream("count", "break")).read()


async def test_a_task_runs_to_its_result(client: aio.Client) -> None:
    task = await client.submit("echo", {"a": 1})
    task = await client.tasks.wait(task.id)
    assert task.state is TaskState.SUCCEEDED
    assert [each.id async for each in client.tasks.list()] == [task.id]


async def test_files_go_up_from_anywhere_and_come_down_in_parts(
    client: aio.Client, tmp_path: Path
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(300_000)

    (tmp_path / "file").write_bytes(bytes(900_000))
    for key, content in (("a", parts()), ("b", tmp_path / "file"), ("c", bytes(900_000))):
        await client.files.put(key, content)
        assert await (await client.files.get(key)).read() == bytes(900_000)
    assert [file.key async for file in client.files.list()] == ["a", "b", "c"]
    await client.files.delete("a")


async def test_a_write_refused_while_it_is_sent_says_why(client: aio.Client) -> None:
    await client.files.put("key", b"1")
    with pytest.raises(errors.Conflict, match="exists already"):
        await client.files.put("key", bytes(50_000_000), if_none_match="*")


async def test_content_that_breaks_off_raises_its_own_error(client: aio.Client) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield bytes(1_000_000)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await client.files.put("key", parts())


async def test_logs_are_followed_until_one_leaves(client: aio.Client) -> None:
    texts = []
    async for record in client.skills.logs("echo", tail=3, follow=True):
        texts.append(record.text)
        if len(texts) == 3:
            break
    assert texts == ["line 0", "line 1", "line 2"]
