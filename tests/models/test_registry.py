"""The models as they are now, and what becomes of them where models.toml changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from catnap.access.limiter import Limiter
from catnap.calls.models import Asker, ModelCalls, Prompt
from catnap.errors import InvalidRequest, NotFound, SkillCrashed, Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.account import Uncounted
from catnap.models.registry import Registry
from catnap.models.settings import Canary, Model
from tests.models.upstreams import oip_upstreams, openai_upstreams, tensor_request

ASKER = Asker(("acme", "ann", ""), 10)


@asynccontextmanager
async def asked(models: dict[str, Model]) -> AsyncIterator[ModelCalls]:
    registry = Registry(models)
    try:
        yield ModelCalls(registry, Limiter(), Uncounted())
    finally:
        await registry.close()


async def test_a_request_bears_the_servers_name_and_its_answer_ours() -> None:
    async with oip_upstreams() as [server]:
        model = Model(servers=(server.address,), at_servers="theirs", version="4")
        async with asked({"ours": model}) as models:
            raw = await models.infer(ASKER, tensor_request("ours"))
        answer = oip.ModelInferResponse.FromString(raw)
        assert (answer.model_name, answer.model_version) == ("ours", "4")
        sent = oip.ModelInferRequest.FromString(server.asked[0][1])
        assert (sent.model_name, sent.model_version) == ("theirs", "4")


async def test_what_is_at_work_ends_where_it_is_when_its_server_is_taken_out() -> None:
    async with oip_upstreams(2) as [old, new]:
        old.held = asyncio.Event()
        async with asked({"m": Model(servers=(old.address,))}) as models:
            waiting = asyncio.create_task(models.infer(ASKER, tensor_request("m")))
            while not old.asked:
                await asyncio.sleep(0)
            models.registry.change({"m": Model(servers=(new.address,))})
            await models.infer(ASKER, tensor_request("m"))
            assert len(new.asked) == 1
            old.held.set()
            assert oip.ModelInferResponse.FromString(await waiting).model_name == "m"


async def test_what_is_known_of_a_server_that_stays_is_kept() -> None:
    one, two = "127.0.0.1:1", "127.0.0.1:2"
    async with asked({"m": Model(servers=(one,))}) as models:
        [before] = models.registry.find("m", "", "acme").served.pool.servers
        models.registry.change({"m": Model(servers=(one, two), max_tokens=9)})
        found = models.registry.find("m", "", "acme").served
        assert found.pool.servers[0] is before
        assert found.model.max_tokens == 9


async def test_a_model_that_is_taken_out_is_known_no_more() -> None:
    async with asked({"m": Model(servers=("127.0.0.1:1",))}) as models:
        models.registry.change({})
        with pytest.raises(NotFound, match="no model 'm'"):
            await models.infer(ASKER, tensor_request("m"))


async def test_a_canarys_requests_go_to_its_servers() -> None:
    async with oip_upstreams(2) as [usual, canary]:
        model = Model(
            servers=(usual.address,),
            version="1",
            canary=Canary(version="2", servers=(canary.address,), percent=100),
        )
        async with asked({"m": model}) as models:
            answer = await models.infer(ASKER, tensor_request("m"))
        assert oip.ModelInferResponse.FromString(answer).model_version == "2"
        assert not usual.asked


async def test_a_model_of_openais_protocol_has_no_tensors() -> None:
    async with asked({"w": Model(servers=("http://h:1",), protocol="openai")}) as models:
        with pytest.raises(InvalidRequest, match=r"no tensors.*/v1"):
            await models.infer(ASKER, tensor_request("w"))


@pytest.mark.parametrize("messages", [(), (("user", "hello"),)])
async def test_text_comes_in_pieces_from_a_server_of_openais_protocol(
    messages: tuple[tuple[str, str], ...],
) -> None:
    async with openai_upstreams() as [server]:
        model = Model(servers=(server.address,), protocol="openai", abilities=("generate",))
        async with asked({"w": model}) as models:
            prompt = Prompt("" if messages else "hello", messages, max_tokens=3, stop=("\n",))
            pieces = [piece async for piece in models.generate(ASKER, "", prompt)]
    assert [piece.text for piece in pieces] == ["word0 ", "word1 ", "word2 ", ""]
    last = pieces[-1]
    assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == ("stop", 5, 3)
    path, _, body = server.asked[0]
    assert path == ("/v1/chat/completions" if messages else "/v1/completions")
    assert (body["max_tokens"], body["stop"]) == (3, ["\n"])


async def test_text_comes_in_pieces_from_a_server_of_tensors() -> None:
    async with oip_upstreams() as [server]:
        model = Model(servers=(server.address,), abilities=("generate",))
        async with asked({"w": model}) as models:
            pieces = [piece async for piece in models.generate(ASKER, "w", Prompt("hello"))]
    assert [piece.text for piece in pieces] == ["word0 ", "word1 ", "word2 ", ""]
    last = pieces[-1]
    assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == ("length", 5, 3)


async def test_who_leaves_in_the_middle_of_a_text_ends_it_at_the_server() -> None:
    async with openai_upstreams() as [server]:
        server.words = 1_000_000
        model = Model(servers=(server.address,), protocol="openai", abilities=("generate",))
        async with asked({"w": model}) as models:
            pieces = models.generate(ASKER, "w", Prompt("hello"))
            await anext(pieces)
            await pieces.aclose()
            while not server.left:
                await asyncio.sleep(0)


async def test_a_text_that_is_cut_off_is_an_error_and_asked_for_only_once() -> None:
    async with openai_upstreams(2) as servers:
        for server in servers:
            server.behaves = "cut"
        addresses = tuple(each.address for each in servers)
        model = Model(servers=addresses, protocol="openai", abilities=("generate",))
        async with asked({"w": model}) as models:
            pieces = models.generate(ASKER, "w", Prompt("hello"))
            assert (await anext(pieces)).text == "word0 "
            with pytest.raises(Unavailable, match="its server"):
                async for _ in pieces:
                    pass
        assert sum(len(each.asked) for each in servers) == 1


async def test_an_answer_that_cannot_be_read_is_asked_for_elsewhere() -> None:
    async with openai_upstreams(2) as [one, two]:
        one.behaves = "garbage"
        model = Model(
            servers=(one.address, two.address), protocol="openai", abilities=("generate",)
        )
        async with asked({"w": model}) as models:
            for _ in range(8):
                await models.complete(ASKER, "/v1/completions", b'{"model":"w","prompt":"a"}')
            two.behaves = "garbage"
            with pytest.raises(SkillCrashed, match="cannot be read"):
                await models.complete(ASKER, "/v1/completions", b'{"model":"w","prompt":"a"}')


async def test_vectors_come_from_a_server_of_openais_protocol() -> None:
    async with openai_upstreams() as [server]:
        model = Model(servers=(server.address,), protocol="openai", abilities=("embed",))
        async with asked({"e": model}) as models:
            found = await models.embed(ASKER, "", ["ab", "abc"])
    assert (found.model, found.dimensions, found.tokens) == ("e", 2, [2])
    assert list(memoryview(found.data).cast("f")) == [2.0, 1.0, 3.0, 1.0]
