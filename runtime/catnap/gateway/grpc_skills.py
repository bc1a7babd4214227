"""catnap.v1.Skills."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec

from catnap.access import Principal
from catnap.calls.call import Call
from catnap.errors import InvalidRequest, PermissionDenied
from catnap.gateway.describe import Skill, describe, describe_all
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import rpc_call
from catnap.gateway.grpc_door import answers, streams
from catnap.gateway.status import Context
from catnap.gateway.tags import tagged
from catnap.v1 import call_pb2, skills_pb2
from catnap.v1.skills_pb2_grpc import SkillsServicer

DEFAULT_TAIL = 100
MAX_TAIL = 10_000


class Skills(SkillsServicer):
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def Invoke(  # noqa: N802
        self, caller: Principal, request: skills_pb2.InvokeRequest, context: Context
    ) -> skills_pb2.InvokeResponse:
        call = await self._call(caller, request, context)
        outcome = await self.gateway.pipeline.answer(call)
        return skills_pb2.InvokeResponse(
            payload=call_pb2.Payload(data=outcome.data, content_type=outcome.content_type),
            task=outcome.task,
            instance=outcome.instance,
            timings=_timings(outcome.timings),
        )

    @streams
    async def InvokeStream(  # noqa: N802
        self, caller: Principal, request: skills_pb2.InvokeRequest, context: Context
    ) -> AsyncIterator[skills_pb2.InvokeChunk]:
        call = await self._call(caller, request, context)
        async with self.gateway.pipeline.stream(call) as made:
            yield skills_pb2.InvokeChunk(
                payload=call_pb2.Payload(content_type=made.content_type),
                task=call.id,
                instance=made.instance,
                timings=_timings(made.timings()),
            )
            async for part in made.delivered.reply.body:
                yield skills_pb2.InvokeChunk(payload=call_pb2.Payload(data=part))

    async def _call(
        self, caller: Principal, request: skills_pb2.InvokeRequest, context: Context
    ) -> Call:
        options, revision = request.options, ""
        if options.tag:
            revision = await tagged(self.gateway, caller, request.skill, options.tag)
        return rpc_call(caller, context, request.skill, request.payload, options, revision)

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: skills_pb2.ListSkillsRequest, context: Context
    ) -> skills_pb2.ListSkillsResponse:
        found = describe_all(self.gateway, caller.tenant)
        return skills_pb2.ListSkillsResponse(skills=[_message(each) for each in found])

    @answers
    async def Get(  # noqa: N802
        self, caller: Principal, request: skills_pb2.GetSkillRequest, context: Context
    ) -> skills_pb2.Skill:
        return _message(describe(self.gateway, caller.tenant, request.name))

    @streams
    async def Logs(  # noqa: N802
        self, caller: Principal, request: skills_pb2.LogsRequest, context: Context
    ) -> AsyncIterator[skills_pb2.LogRecord]:
        if caller.user is not None:
            raise PermissionDenied(
                f"{caller.name} is for user {caller.user!r}, and a log holds every user's lines: "
                "it takes a key for the whole tenant"
            )
        self.gateway.catalog.get(request.skill, caller.tenant)
        if not 0 <= request.tail <= MAX_TAIL:
            raise InvalidRequest(f"tail: {request.tail} is not between 0 and {MAX_TAIL:,}")
        records = self.gateway.logs.read(
            caller.tenant, request.skill, request.tail or DEFAULT_TAIL, follow=request.follow
        )
        async for record in records:
            message = skills_pb2.LogRecord(
                stream=record.stream,
                instance=record.instance,
                task=record.task,
                text=record.text,
                level=record.level,
                trace=record.trace,
            )
            message.time.FromNanoseconds(round(record.time * 1e9))
            yield message


def _timings(timings: Mapping[str, float]) -> list[call_pb2.Timing]:
    return [call_pb2.Timing(name=name, milliseconds=ms) for name, ms in timings.items()]


def _message(skill: Skill) -> skills_pb2.Skill:
    values = msgspec.structs.asdict(skill)
    for name in ("input_schema", "output_schema"):
        schema = values[name]
        values[name] = msgspec.json.encode(schema).decode() if schema is not None else ""
    return skills_pb2.Skill(**values)
