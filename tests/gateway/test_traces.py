"""A trace goes from who calls a skill, by the gateway, to the server of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grpc import aio

from catnap.events.traceparent import parse
from catnap.models.settings import Model
from catnap.v1 import skills_pb2
from catnap.v1.skills_pb2_grpc import SkillsStub
from tests.gateway.http_models import Embedder
from tests.gateway.local import ACME, make_skill
from tests.gateway.world import running
from tests.traces.test_file import read

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASKS = """
from catnap import Context, skill

@skill
async def main(ctx: Context, request: dict) -> dict:
    await ctx.models.embed(request["texts"], model="lengths")
    return {"traceparent": ctx.traceparent}
"""


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


async def test_spans_of_a_call_and_of_the_model_it_asks_are_within_its_callers(
    tmp_path: Path,
) -> None:
    asks = make_skill(tmp_path, "asks", ASKS, '[models]\nallow = ["lengths"]\n')
    server, file = Embedder(), tmp_path / "traces"
    await server.start()
    async with running(tmp_path, asks, traces=file) as world:
        models = {"lengths": Model((server.address,), abilities=("embed",), dimensions=2)}
        world.gateway.models.registry.change(models)
        status, said = await world.ask(
            *("POST", "/skills/asks", {"texts": ["one two"]}, ACME),
            traceparent=f"00-{TRACE}-{CALLER}-01",
        )
        assert status == 200, said
        unknown = {"model": "lengths", "input": "one"}
        await world.ask(
            "POST", "/v1/embeddings", unknown, ACME, traceparent=f"00-{TRACE}-{CALLER}-00"
        )
    await server.stop()
    call, model = sorted(read(file), key=lambda each: str(each["name"]))
    assert (call["name"], call["traceId"], call["parentSpanId"]) == ("call asks", TRACE, CALLER)
    assert (model["name"], model["traceId"], model["parentSpanId"]) == (
        *("model lengths", TRACE),
        call["spanId"],
    )
    assert parse(said["traceparent"]) == (TRACE, call["spanId"])
    assert parse(server.metadata[0]["traceparent"]) == (TRACE, model["spanId"])
    assert attributes(call)["catnap.skill"] == attributes(model)["catnap.skill"] == "asks"
    assert attributes(model)["catnap.prompt_tokens"] == "2"
    assert [each["name"] for each in model["events"]] == ["sent"]


async def test_a_call_over_grpc_is_of_the_trace_that_its_metadata_names(tmp_path: Path) -> None:
    echo, file = Path(__file__).parents[2] / "functions" / "echo", tmp_path / "traces"
    async with (
        running(tmp_path, echo, traces=file) as world,
        aio.insecure_channel(world.grpc) as channel,
    ):
        trace = ("traceparent", f"00-{TRACE}-{CALLER}-01")
        said = [("authorization", f"Bearer {ACME}"), trace]
        await SkillsStub(channel).Invoke(skills_pb2.InvokeRequest(skill="echo"), metadata=said)
    [call] = read(file)
    assert (call["traceId"], call["parentSpanId"]) == (TRACE, CALLER)


async def test_without_a_file_a_trace_passes_by(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    server = Embedder()
    await server.start()
    async with running(tmp_path) as world:
        models = {"lengths": Model((server.address,), abilities=("embed",), dimensions=2)}
        world.gateway.models.registry.change(models)
        asked = {"model": "lengths", "input": "one"}
        for traceparent in (f"00-{TRACE}-{CALLER}-01", "nonsense", ""):
            await world.ask("POST", "/v1/embeddings", asked, ACME, traceparent=traceparent)
    await server.stop()
    passed = [each.get("traceparent") for each in server.metadata]
    assert passed == [f"00-{TRACE}-{CALLER}-01", None, None]
