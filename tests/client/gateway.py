"""A gateway in memory: the real services over real gRPC, with dictionaries
where the platform has a journal, a store and instances."""

from __future__ import annotations

import asyncio
import itertools
import threading
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import msgspec
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from catnap import errors
from catnap.v1 import (
    call_pb2,
    files_pb2,
    files_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    skills_pb2,
    skills_pb2_grpc,
    tasks_pb2,
    tasks_pb2_grpc,
)

TOKEN = "secret"


async def refuse(context: grpc.aio.ServicerContext[Any, Any], error: errors.CatnapError) -> None:
    details = [_packed(ErrorInfo(reason=type(error).__name__, domain="catnap"))]
    if error.retry_after is not None:
        wait = Duration()
        wait.FromMilliseconds(round(error.retry_after * 1000))
        details.append(_packed(RetryInfo(retry_delay=wait)))
    code: int = getattr(grpc.StatusCode, error.grpc).value[0]
    status = Status(code=code, message=error.message, details=details)
    await context.abort_with_status(rpc_status.to_status(status))


def _packed(message: Any) -> Packed:
    packed = Packed()
    packed.Pack(message)
    return packed


class Authentication(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        if dict(details.invocation_metadata).get("authorization") == f"Bearer {TOKEN}":
            return await continuation(details)

        async def refusal(request: Any, context: Any) -> None:
            await refuse(context, errors.Unauthenticated("the credential is not known"))

        handler = await continuation(details)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refusal)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(refusal)
        return grpc.unary_unary_rpc_method_handler(refusal)


ECHO = skills_pb2.Skill(
    name="echo",
    description="Answers with the JSON that it was given.",
    version="0.1.0",
    revision="echo-00001",
    input_schema='{"type": "object"}',
    triggers=["com.example.ping"],
    timeout_seconds=300,
)
FAILURES = {
    "declines": errors.SkillError("declines: no cats here"),
    "crashes": errors.SkillCrashed("crashes: ZeroDivisionError"),
    "busy": errors.ResourceExhausted("10,000 calls wait already", retry_after=1.5),
    "broke": errors.BudgetExhausted("0.10 of 0.10 spent"),
    "taken": errors.Conflict("the key was used with another payload"),
    "secret": errors.PermissionDenied("needs the role operator"),
    "large": errors.PayloadTooLarge("the body has 101 bytes, the limit is 100"),
    "asleep": errors.Unavailable("no instance could be started"),
    "gone": errors.Cancelled("stopped by request"),
    "late": errors.DeadlineExceeded("no answer after 1s"),
}


class Skills(skills_pb2_grpc.SkillsServicer):
    def __init__(self) -> None:
        self.begun, self.cancelled = threading.Event(), threading.Event()

    async def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        name = request.skill
        if name in FAILURES:
            await refuse(context, FAILURES[name])
        if name == "never":
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        if name == "bare":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "not ours")
        if name == "pushback":
            context.set_trailing_metadata((("grpc-retry-pushback-ms", "250"),))
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down")
        payload = request.payload
        if name == "options":
            options = request.options
            seen = {
                "user": options.user,
                "session": options.session,
                "key": options.idempotency_key,
                "priority": options.priority,
                "content_type": payload.content_type,
                "size": len(payload.data),
                "remaining": context.time_remaining(),
            }
            payload = call_pb2.Payload(data=msgspec.json.encode(seen))
        elif name == "image":
            payload = call_pb2.Payload(data=b"\x89PNG\x00\xff", content_type="image/png")
        elif name != "echo":
            await refuse(context, errors.NotFound(f"no skill {name!r}: `catnap skills list`"))
        timings = [call_pb2.Timing(name=n, milliseconds=m) for n, m in TIMINGS.items()]
        return skills_pb2.InvokeResponse(
            payload=payload, task="task-1", instance="echo-00001-a", timings=timings
        )

    async def InvokeStream(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        if request.skill == "silent":
            return
        if request.skill != "count":
            await refuse(context, errors.NotFound(f"no skill {request.skill!r}"))
        first = call_pb2.Payload(data=b"one ", content_type="text/plain")
        yield skills_pb2.InvokeChunk(payload=first, task="task-2", instance="count-00001-a")
        yield skills_pb2.InvokeChunk(payload=call_pb2.Payload(data=b"two "))
        if request.payload.data == b'"break"':
            await refuse(context, FAILURES["crashes"])
        yield skills_pb2.InvokeChunk(payload=call_pb2.Payload(data=b"three"))

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        return skills_pb2.ListSkillsResponse(skills=[ECHO])

    async def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.name != "echo":
            await refuse(context, errors.NotFound(f"no skill {request.name!r}"))
        return ECHO

    async def Logs(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        for number in range(request.tail):
            record = skills_pb2.LogRecord(
                stream="stdout",
                instance="echo-00001-a",
                text=f"line {number}",
                level="warning" if number == 1 else "",
            )
            record.time.FromSeconds(1_700_000_000 + number)
            yield record
        if request.follow:
            await asyncio.Event().wait()


TIMINGS = {"queue": 1.0, "start": 4.0, "import": 20.0, "init": 0.5, "handle": 2.5}


class Tasks(tasks_pb2_grpc.TasksServicer):
    """Tasks of the skill `echo` succeed when they are waited for; those of
    every other die."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}
        self.deadlines: list[float] = []
        self._numbers = itertools.count(1)

    async def Submit(self, request: Any, context: Any) -> Any:  # noqa: N802
        task = tasks_pb2.Task(
            id=f"task-{next(self._numbers)}",
            skill=request.skill,
            user=request.options.user,
            state=tasks_pb2.TASK_STATE_QUEUED,
        )
        task.created.FromSeconds(1_700_000_000)
        task.result.CopyFrom(request.payload)
        if request.options.HasField("deadline"):
            self.deadlines.append(request.options.deadline.ToSeconds())
        self.tasks[task.id] = task
        return _told(task)

    async def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _told(await self._found(request.id, context))

    async def Wait(self, request: Any, context: Any) -> Any:  # noqa: N802
        task = await self._found(request.id, context)
        if task.state == tasks_pb2.TASK_STATE_QUEUED and task.skill == "echo":
            task.state = tasks_pb2.TASK_STATE_SUCCEEDED
        elif task.state == tasks_pb2.TASK_STATE_QUEUED and task.skill != "never":
            task.state = tasks_pb2.TASK_STATE_DEAD
            task.error.name, task.error.message = "SkillCrashed", "RuntimeError: no"
        return _told(task)

    async def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        task = await self._found(request.id, context)
        if task.state == tasks_pb2.TASK_STATE_QUEUED:
            task.state = tasks_pb2.TASK_STATE_CANCELLED
        return _told(task)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = [
            _told(task)
            for task in reversed(self.tasks.values())
            if (not request.states or task.state in request.states)
            and request.skill in ("", task.skill)
            and request.user in ("", task.user)
        ]
        start = int(request.page_token or 0)
        more = str(start + 2) if len(found) > start + 2 else ""
        return tasks_pb2.ListTasksResponse(tasks=found[start : start + 2], next_page_token=more)

    async def Redrive(self, request: Any, context: Any) -> Any:  # noqa: N802
        task = await self._found(request.id, context)
        if task.state != tasks_pb2.TASK_STATE_DEAD:
            await refuse(context, errors.InvalidRequest(f"task {task.id} is not dead"))
        if task.skill == "elusive":  # somebody else redrives it just before
            task.state = tasks_pb2.TASK_STATE_QUEUED
            await refuse(context, errors.InvalidRequest(f"task {task.id} is queued"))
        task.state = tasks_pb2.TASK_STATE_QUEUED
        return _told(task)

    async def _found(self, name: str, context: Any) -> Any:
        if name not in self.tasks:
            await refuse(context, errors.NotFound(f"no task {name!r}"))
        return self.tasks[name]


def _told(task: Any) -> Any:
    copy = tasks_pb2.Task()
    copy.CopyFrom(task)
    if task.state != tasks_pb2.TASK_STATE_SUCCEEDED:
        copy.ClearField("result")
    return copy


class Files(files_pb2_grpc.FilesServicer):
    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str, str], tuple[Any, bytes]] = {}
        self.chunks: list[int] = []
        self._versions = itertools.count(1)

    async def Put(self, requests: Any, context: Any) -> Any:  # noqa: N802
        header, parts = None, []
        async for request in requests:
            if header is None:
                header = request.header
                place = _place(header)
                if header.if_none_match == "*" and place in self.files:
                    await refuse(context, errors.Conflict(f"{header.key!r} exists already"))
                if ".." in header.key:
                    await refuse(context, errors.InvalidRequest(f"key {header.key!r}: has '..'"))
            elif request.WhichOneof("part") == "chunk":
                parts.append(request.chunk)
                self.chunks.append(len(request.chunk))
        if header is None:
            return None  # who asked has left
        data = b"".join(parts)
        file = files_pb2.File(
            key=header.key,
            size=len(data),
            etag=f'"{next(self._versions)}"',
            content_type=header.content_type or "text/plain",
        )
        file.modified.FromSeconds(1_700_000_000)
        self.files[_place(header)] = file, data
        return file

    async def Get(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        if _place(request) not in self.files:
            await refuse(context, errors.NotFound(f"no file {request.key!r}"))
        file, data = self.files[_place(request)]
        yield files_pb2.GetFileResponse(file=file)
        for start in range(0, len(data), 1000):
            yield files_pb2.GetFileResponse(chunk=data[start : start + 1000])

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        scope = _place(request)[:3]
        found = sorted(
            (file for place, (file, _) in self.files.items() if place[:3] == scope),
            key=lambda file: file.key,
        )
        found = [file for file in found if file.key.startswith(request.prefix)]
        start = int(request.page_token or 0)
        more = str(start + 2) if len(found) > start + 2 else ""
        return files_pb2.ListFilesResponse(files=found[start : start + 2], next_page_token=more)

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.files.pop(_place(request), None) is None:
            await refuse(context, errors.NotFound(f"no file {request.key!r}"))
        return files_pb2.DeleteFileResponse()


def _place(request: Any) -> tuple[str, str, str, str]:
    scope = request.scope
    return scope.user, scope.session, scope.task, getattr(request, "key", "")


class Models(models_pb2_grpc.ModelsServicer):
    """generated: set when the last text has ended, or its client has gone."""

    def __init__(self) -> None:
        self.generating: Any = None
        self.generated = threading.Event()

    async def Embed(self, request: Any, context: Any) -> Any:  # noqa: N802
        vectors = array("f", [float(len(text)) for text in request.texts for _ in range(2)])
        return models_pb2.EmbedResponse(
            model="lengths",
            dimensions=2,
            vectors=vectors.tobytes(),
            tokens=[len(text.split()) for text in request.texts],
        )

    async def Generate(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """The prompt's words, or those of a chat's last message; of `endless`, no end."""
        if request.model == "lengths":
            error = errors.InvalidRequest(f"model {request.model!r} does not generate")
            await refuse(context, error)
        self.generating = request
        said = request.prompt or request.messages[-1].content
        words = said.split()[: request.max_tokens or None]
        try:
            for word in itertools.cycle(words) if request.model == "endless" else words:
                yield models_pb2.GenerateChunk(text=f"{word} ")
        finally:
            self.generated.set()
        usage = models_pb2.Usage(prompt_tokens=len(said.split()), completion_tokens=len(words))
        yield models_pb2.GenerateChunk(finish_reason="length", usage=usage)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        model = models_pb2.Model(name="lengths", abilities=["embed"], dimensions=2, ready=True)
        return models_pb2.ListModelsResponse(models=[model])


class Gateway:
    """The services, and the address they listen at."""

    def __init__(self) -> None:
        self.address = ""
        self.skills, self.tasks, self.files, self.models = Skills(), Tasks(), Files(), Models()

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = grpc.aio.server(
            interceptors=[Authentication()],
            options=[("grpc.max_receive_message_length", 110_000_000)],
        )
        skills_pb2_grpc.add_SkillsServicer_to_server(self.skills, server)
        tasks_pb2_grpc.add_TasksServicer_to_server(self.tasks, server)
        files_pb2_grpc.add_FilesServicer_to_server(self.files, server)
        models_pb2_grpc.add_ModelsServicer_to_server(self.models, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        started.set()
        await stop.wait()
        await server.stop(None)


@contextmanager
def running() -> Iterator[Gateway]:
    """A gateway in a thread of its own."""
    gateway, started = Gateway(), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(gateway.serve(started, stop),), daemon=True
    )
    thread.start()
    started.wait()
    try:
        yield gateway
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
