"""Questions and index runs as a user meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import lease
import main
import msgspec
import pytest
from index import Index
from library import KEY, Library
from main import search
from storage import FORMAT

from catnap import InvalidRequest, Unavailable
from catnap.events import Event
from catnap.skills.testing import FakeGateway, call, word_vectors

CATS = "Cats nap in the sun. They wake when somebody opens a tin of tuna."
DOGS = "Dogs bark at the mailman. Their favourite toy is a red rubber ball."
FILES = {"cats.txt": CATS, "notes/dogs.md": DOGS, "image.png": b"\x89PNG"}


class Model:
    """Counts what it is asked, and may wait or fail."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fail_at = 0
        self.gate: asyncio.Event | None = None
        self.asked = asyncio.Event()

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked.set()
        if self.gate:
            await self.gate.wait()
        self.texts += texts
        if self.fail_at and len(self.texts) >= self.fail_at:
            raise Unavailable("the model is gone")
        return word_vectors(texts)


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "library", Library())
    monkeypatch.setattr(main, "POLL", 0)


async def ask(gateway: FakeGateway, question: str, **more: Any) -> Any:
    fields = {name: more.pop(name) for name in ("top",) if name in more}
    return await call(search, {"question": question, **fields}, gateway=gateway, **more)


async def index(gateway: FakeGateway, **more: Any) -> Any:
    return (await call(search, {"index": True}, gateway=gateway, **more))["index"]


def changed(key: str) -> Event:
    data = msgspec.json.encode({"key": key, "size": 1, "etag": "x"})
    return Event(id="1", source="/files/user", type="catnap.file.created", subject=key, data=data)


async def test_a_question_finds_its_passage_and_where_it_is() -> None:
    answer = await ask(FakeGateway(FILES), "who barks at the mailman?", top=1)
    [passage] = answer["passages"]
    assert passage == {
        "file": "notes/dogs.md",
        "start": 0,
        "end": len(DOGS),
        "score": passage["score"],
        "text": DOGS,
    }
    assert 0 < passage["score"] <= 1


async def test_passages_are_cut_out_of_the_text_by_their_offsets() -> None:
    text = "\n\n".join(f"This is about topic{n}. " + f"So much for {n}. " * 30 for n in range(9))
    answer = await ask(FakeGateway({"long.txt": text}), "topic7", top=5)
    assert len(answer["passages"]) > 1
    assert "topic7" in answer["passages"][0]["text"]
    for passage in answer["passages"]:
        assert text[passage["start"] : passage["end"]] == passage["text"]


async def test_without_documents_there_are_no_passages() -> None:
    assert await ask(FakeGateway({"image.png": b"x"}), "anything?") == {"passages": []}


async def test_a_rare_word_finds_what_vectors_would_not() -> None:
    def blind(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]

    files = {f"{n}.txt": f"Part number {n} belongs to the engine." for n in range(100, 300)}
    files["250.txt"] = "The XK4471 belongs to the gearbox."
    answer = await ask(FakeGateway(files, embed=blind), "XK4471")
    assert answer["passages"][0]["file"] == "250.txt"


async def test_a_file_event_indexes_and_a_question_then_embeds_only_itself() -> None:
    model = Model()
    gateway = FakeGateway(FILES, embed=model)
    answer = await call(search, changed("cats.txt"), gateway=gateway)
    assert answer["index"] == {"files": 2, "passages": 2, "embedded": 2, "problems": []}
    model.texts.clear()
    gateway.requests.clear()
    await ask(gateway, "naps?")
    assert model.texts == ["naps?"]
    assert [method for method, _ in gateway.requests] == ["GET", "POST"]


async def test_a_new_instance_reads_the_index_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Model()
    gateway = FakeGateway(FILES, embed=model)
    await index(gateway)
    monkeypatch.setattr(main, "library", Library())
    answer = await ask(gateway, "tin of tuna")
    assert answer["passages"][0]["file"] == "cats.txt"
    assert model.texts[2:] == ["tin of tuna"]


async def test_only_what_changed_is_embedded() -> None:
    model = Model()
    gateway = FakeGateway(FILES, embed=model)
    await index(gateway)
    model.texts.clear()
    await gateway.files.write("birds.txt", b"Birds sing at dawn.")
    report = await index(gateway)
    assert model.texts == ["Birds sing at dawn."]
    assert report == {"files": 3, "passages": 3, "embedded": 1, "problems": []}


async def test_a_renamed_file_is_not_embedded_again() -> None:
    model = Model()
    gateway = FakeGateway(FILES, embed=model)
    await index(gateway)
    await gateway.files.write("felines.txt", CATS.encode())
    await gateway.files.delete("cats.txt")
    report = await index(gateway)
    assert (report["files"], report["embedded"], len(model.texts)) == (2, 0, 2)
    answer = await ask(gateway, "tin of tuna", top=1)
    assert answer["passages"][0]["file"] == "felines.txt"


async def test_a_deleted_file_is_found_no_more() -> None:
    gateway = FakeGateway(FILES)
    await index(gateway)
    await gateway.files.delete("notes/dogs.md")
    answer = await ask(gateway, "who barks at the mailman?")
    assert [passage["file"] for passage in answer["passages"]] == ["cats.txt"]


async def test_an_updated_file_is_found_by_its_new_text_only() -> None:
    gateway = FakeGateway(FILES)
    await index(gateway)
    await gateway.files.write("cats.txt", b"Lions roar in the savannah.")
    answer = await ask(gateway, "tuna savannah")
    assert not any("tuna" in passage["text"] for passage in answer["passages"])
    assert answer["passages"][0]["text"] == "Lions roar in the savannah."


async def test_users_do_not_meet() -> None:
    gateway = FakeGateway(FILES)
    await index(gateway)
    assert (await ask(gateway, "tin of tuna", user="bob")) == {"passages": []}
    other = gateway.granted(user="bob")
    await other.files.write("mine.txt", b"Bob likes tuna.")
    answer = await ask(gateway, "tin of tuna", user="bob")
    assert [passage["file"] for passage in answer["passages"]] == ["mine.txt"]
    assert (await ask(gateway, "tin of tuna", tenant="acme")) == {"passages": []}


async def test_a_file_that_cannot_be_read_is_reported_and_stops_nobody() -> None:
    gateway = FakeGateway({**FILES, "broken.pdf": b"%PDF-1.7 and then nothing"})
    report = await index(gateway)
    assert (report["files"], report["passages"]) == (3, 2)
    [problem] = report["problems"]
    assert problem["file"] == "broken.pdf"
    assert "no PDF that can be read" in problem["problem"]
    assert (await ask(gateway, "tin of tuna"))["passages"]


async def test_two_runs_at_once_embed_everything_once() -> None:
    model = Model()
    model.gate = asyncio.Event()
    gateway = FakeGateway(FILES, embed=model)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(index(gateway))
        await model.asked.wait()
        second = group.create_task(index(gateway))
        question = group.create_task(ask(gateway, "tin of tuna"))
        for _ in range(50):
            await asyncio.sleep(0)
        model.gate.set()
    assert first.result()["embedded"] == 2
    assert second.result() == {"files": 2, "passages": 2, "embedded": 0, "problems": []}
    assert question.result()["passages"][0]["file"] == "cats.txt"
    assert sorted(model.texts) == sorted([CATS, DOGS, "tin of tuna"])
    assert not await gateway.files.list(lease.KEY)


async def test_the_lease_of_a_run_that_died_is_taken_over() -> None:
    gateway = FakeGateway(FILES)
    await gateway.files.write(lease.KEY, b'{"owner": "dead", "expires": 1}')
    assert (await index(gateway))["files"] == 2


async def test_a_run_that_has_no_time_left_keeps_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one goes on from there."""
    monkeypatch.setattr("indexing.BATCH", 2)
    monkeypatch.setattr("indexing.IN_FLIGHT", 1)
    model = Model()

    async def slow(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if len(model.texts) >= 4:
            await asyncio.Event().wait()
        return await model(texts)

    files = {f"{n}.txt": f"File number {n}." for n in range(10)}
    gateway = FakeGateway(files, embed=slow)
    answer = await call(search, {"index": True}, gateway=gateway, timeout=1)
    assert answer["pending"] == 6
    assert answer["index"]["files"] == 4
    with pytest.raises(Unavailable, match="6 files are left"):
        await call(search, changed("0.txt"), gateway=gateway, timeout=0.5)

    gateway._embed = model
    assert (await index(gateway)) == {"files": 10, "passages": 10, "embedded": 6, "problems": []}
    assert len(model.texts) == 10


async def test_a_model_that_fails_loses_nothing_that_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexing.BATCH", 2)
    monkeypatch.setattr("indexing.IN_FLIGHT", 1)
    model = Model()
    model.fail_at = 5
    gateway = FakeGateway({f"{n}.txt": f"File number {n}." for n in range(8)}, embed=model)
    with pytest.raises(Unavailable, match="model is gone"):
        await index(gateway)
    assert not await gateway.files.list(lease.KEY)
    model.fail_at = 0
    assert (await index(gateway))["embedded"] == 4


async def test_a_writer_that_was_overtaken_begins_again() -> None:
    model = Model()
    model.gate = asyncio.Event()
    gateway = FakeGateway(FILES, embed=model)
    running = asyncio.create_task(index(gateway))
    await model.asked.wait()
    await gateway.files.write(KEY, Index().dump())
    model.gate.set()
    assert (await running)["files"] == 2


async def test_an_index_of_another_format_is_begun_anew() -> None:
    gateway = FakeGateway(FILES)
    old = Index()
    old._database.execute("UPDATE meta SET format = 'old'")
    await gateway.files.write(KEY, old.dump())
    assert (await index(gateway))["embedded"] == 2
    data = await gateway.files.read(KEY)
    assert FORMAT.encode() in data


async def test_a_damaged_index_is_made_anew_by_the_next_question() -> None:
    gateway = FakeGateway(FILES)
    await index(gateway)
    whole = await gateway.files.read(KEY)
    for damaged in (b"garbage", whole[: len(whole) // 2]):
        await gateway.files.write(KEY, damaged)
        answer = await ask(gateway, "tin of tuna")
        assert answer["passages"][0]["file"] == "cats.txt"
        assert Index(await gateway.files.read(KEY)).size == 2


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"question": 3}, "'question'"),
        ({"question": "x", "top": 51}, "'top'"),
        ({"question": "x", "top": 0}, "'top'"),
        ({"quesiton": "x"}, "unknown field `quesiton`"),
        ({}, "give either"),
        ({"question": "x", "index": True}, "give either"),
        ({"question": "  "}, "is empty"),
        (["x"], "Expected `object`"),
    ],
)
async def test_a_bad_request_names_what_is_wrong(payload: object, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await call(search, payload, gateway=FakeGateway(FILES))
