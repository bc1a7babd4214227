"""ctx.models reaches the models that a skill's manifest allows, and no others;
the fake that skills are tested with promises the same."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from catnap.access import Grant
from catnap.errors import DeadlineExceeded, InvalidRequest, NotFound, PermissionDenied, Unavailable
from catnap.http import Client, Target
from catnap.models.sse import Events
from catnap.skills.gateway import HttpGateway, NoGateway
from catnap.skills.models import Models, Piece
from catnap.skills.tensors import Tensor
from catnap.skills.testing import FakeGateway
from tests.gateway.http_models import Asking, asking
from tests.gateway.inference import until
from tests.gateway.local import make_skill

ALLOWED = ("org/writer", "lengths", "poet", "same")
HELLO = [{"role": "user", "content": "hello"}]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(tmp_path_factory.mktemp("models")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def ask(there: Asking) -> Asking:
    return there.fresh()


class Call:
    """Of a skill that is at work."""

    def __init__(
        self, ask: Asking, allowed: tuple[str, ...] = ALLOWED, deadline: float | None = None
    ) -> None:
        gateway = ask.world.gateway
        who = {"tenant": "acme", "user": "ada", "task": "t", "skill": "s"}
        grant = Grant(**who, expires=4e9, models=allowed, deadline=deadline)
        self.live: AbstractContextManager[Any] = gateway.pipeline.live.call("t")
        token = gateway.grants.issue(grant).encode()
        self.models = Models(HttpGateway(Client(), ask.world.where, token))

    def __enter__(self) -> Models:
        self.live.__enter__()
        return self.models

    def __exit__(self, *error: Any) -> None:
        self.live.__exit__(*error)


async def test_a_skill_reads_a_text_as_it_is_produced(ask: Asking) -> None:
    with Call(ask) as models:
        pieces = [each async for each in models.generate("once", model="poet")]
        assert "".join(each.text for each in pieces) == "word0 word1 word2 "
        assert pieces[-1] == Piece("", "length", 5, 3)
        how: Any = {"max_tokens": 9, "temperature": 0.5, "seed": 1, "stop": ["."]}
        async for _ in models.generate(model="org/writer", messages=HELLO, **how):
            pass
    [(path, _, asked)] = ask.openai.asked
    assert (path, asked["messages"]) == ("/v1/chat/completions", HELLO)
    assert how.items() <= asked.items()


async def test_a_text_that_breaks_is_an_error_and_not_an_end(ask: Asking) -> None:
    ask.openai.behaves = "cut"
    with Call(ask) as models:
        pieces = models.generate("once", model="org/writer")
        assert (await anext(pieces)).text == "word0 "
        with pytest.raises(Unavailable, match="'org/writer'"):
            await anext(pieces)


async def test_a_skill_that_leaves_the_loop_ends_the_work_at_the_server(ask: Asking) -> None:
    ask.openai.words = 1 << 30
    with Call(ask) as models:
        async with aclosing(models.generate("once", model="org/writer")) as pieces:
            assert (await anext(pieces)).text == "word0 "
    await until(lambda: ask.openai.left)


async def test_a_skill_asks_in_tensors(ask: Asking) -> None:
    given = Tensor("x", "FP32", (2, 2), struct.pack("<4f", 1, 2, 3, 4))
    with Call(ask) as models:
        found = await models.infer("same", [given, Tensor.of_texts("t", ["a", "bü"])])
        texts = await models.infer("same", [Tensor.of_texts("t", ["a", "bü"])], outputs=["same"])
        with pytest.raises(InvalidRequest, match="input 'x'"):
            await models.infer("same", [Tensor("x", "FP32", (3,), b"1234")])
    assert found["same"].view().tolist() == [[1, 2], [3, 4]]
    assert texts["same"].texts() == ["a", "bü"]


async def test_a_skill_embeds(ask: Asking) -> None:
    with Call(ask) as models:
        found = await models.embed(["a b", "c"], model="lengths")
    assert found.matrix().tolist() == [[3, 2], [1, 1]]


async def test_a_client_of_openais_asks_as_the_skill_does(ask: Asking) -> None:
    with Call(ask) as models:
        access = models.openai
        url = urlsplit(access["base_url"])
        headers = [(b"authorization", b"Bearer " + access["api_key"].encode())]
        where, client = Target.parse(url.netloc), Client()
        body = json.dumps({"model": "org/writer", "messages": HELLO, "stream": True}).encode()
        path = f"{url.path}/chat/completions"
        reply = await client.request(where, "POST", path, headers, body)
        events = list(Events().feed(await reply.read()))
        listed = await client.request(where, "GET", f"{url.path}/models", headers)
        names = [each["id"] for each in json.loads(await listed.read())["data"]]
        lost = await client.request(where, "GET", f"{url.path}/models/none", headers)
        error = json.loads(await lost.read())["error"]
        await client.close()
    assert (len(events), events[-1]) == (4, b"[DONE]")
    assert names == sorted(ALLOWED)
    assert (lost.status, error["code"]) == (404, "model_not_found")


async def test_a_skill_asks_no_model_but_those_of_its_manifest(ask: Asking) -> None:
    async def openai(models: Models, method: str, path: str, body: Any = None) -> None:
        await models._gateway.request(
            method, f"/callback{path}", (), b"" if body is None else json.dumps(body).encode()
        )

    tensor = Tensor("x", "INT8", (1,), b"1")
    said = {"model": "same", "messages": HELLO, "prompt": "a", "input": "a"}
    with Call(ask, allowed=("lengths",)) as models:
        for asked in (
            models.embed(["a"], model="org/writer"),
            anext(models.generate("a", model="poet")),
            models.infer("same", [tensor]),
            openai(models, "POST", "/v1/chat/completions", said),
            openai(models, "POST", "/v1/completions", said),
            openai(models, "POST", "/v1/embeddings", said),
            openai(models, "GET", "/v1/models/same"),
        ):
            with pytest.raises(PermissionDenied):
                await asked
        with pytest.raises(NotFound):
            await models.embed(["a"], model="rivals")
    assert not ask.tensors.asked
    assert not ask.openai.asked


async def test_an_alias_that_the_manifest_allows_is_enough(ask: Asking) -> None:
    with Call(ask, allowed=("default",)) as models:
        assert [each async for each in models.generate("a", model="default")]
        listed = await models._gateway.request("GET", "/callback/v1/models")
        assert [each["id"] for each in json.loads(await listed.read())["data"]] == ["default"]


async def test_a_request_waits_no_longer_than_its_call(ask: Asking) -> None:
    with Call(ask, deadline=1.0) as models, pytest.raises(DeadlineExceeded):
        await anext(models.generate("a", model="org/writer"))
    assert not ask.openai.asked


WRITES = """
from catnap import Context, skill

@skill
async def write(ctx: Context, prompt: str) -> list[str]:
    return [piece.text async for piece in ctx.models.generate(prompt, model="poet")]
"""


async def test_an_instance_generates_for_its_call(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "writes", WRITES, '[models]\nallow = ["poet"]\n')
    async with asking(tmp_path, skill) as ask:
        ask.fresh()
        status, said = await ask.post("/skills/writes", "once")
    assert (status, said) == (200, ["word0 ", "word1 ", "word2 ", ""])


async def test_the_fake_gateway_generates_the_prompts_words_or_what_a_test_says() -> None:
    fake = FakeGateway(models=("writer",))
    found = [each async for each in Models(fake).generate("a b", model="writer")]
    assert found == [Piece("a "), Piece("b "), Piece("", "stop", 0, 2)]
    with pytest.raises(PermissionDenied):
        await anext(Models(fake).generate("a", model="other"))

    async def generate(asked: Any) -> list[str]:
        return [asked["messages"][0]["content"].upper()]

    fake = FakeGateway(models=("writer",), generate=generate)
    found = [each async for each in Models(fake).generate(messages=HELLO, model="writer")]
    assert found[0].text == "HELLO"


async def test_the_fake_gateway_answers_in_tensors_as_a_test_says() -> None:
    given = Tensor("x", "INT64", (2,), struct.pack("<2q", 1, 2))
    fake = FakeGateway(models=("m",), infer=lambda model, inputs: [inputs["x"]])
    assert await Models(fake).infer("m", [given]) == {"x": given}
    with pytest.raises(InvalidRequest, match="infer="):
        await Models(FakeGateway(models=("m",))).infer("m", [given])


async def test_a_tensor_is_seen_as_what_it_is() -> None:
    assert Tensor("x", "BOOL", (2,), b"\1\0").view().tolist() == [True, False]
    for wrong in (Tensor("x", "BF16", (1,), b"12"), Tensor("x", "BYTES", (0,), b"")):
        with pytest.raises(InvalidRequest, match="tensor 'x'"):
            wrong.view()
    with pytest.raises(InvalidRequest, match="tensor 'x'"):
        Tensor("x", "INT8", (1,), b"1").texts()


async def test_where_there_is_no_platform_there_is_no_access_to_it() -> None:
    with pytest.raises(Unavailable, match="through the gateway"):
        _ = Models(NoGateway()).openai
    with pytest.raises(Unavailable, match="Unix socket"):
        _ = Models(HttpGateway(Client(), Target(path="/run/g.sock"), b"g")).openai
