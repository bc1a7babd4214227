"""The gateway's messages as a client's values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from catnap.client.values import (
    Answer,
    Embeddings,
    File,
    LogRecord,
    Model,
    Payload,
    Piece,
    Skill,
    StreamHead,
    Task,
    TaskState,
)
from catnap.errors import BY_NAME, SkillCrashed
from catnap.v1 import call_pb2, files_pb2, models_pb2, skills_pb2, tasks_pb2

_JSON = "application/json"


def answer(message: skills_pb2.InvokeResponse) -> Answer:
    return Answer(
        data=message.payload.data,
        content_type=message.payload.content_type or _JSON,
        task=message.task,
        instance=message.instance,
        timings=_timings(message.timings),
    )


def stream_head(message: skills_pb2.InvokeChunk) -> StreamHead:
    return StreamHead(
        content_type=message.payload.content_type or _JSON,
        task=message.task,
        instance=message.instance,
        timings=_timings(message.timings),
    )


def stream_chunk(message: skills_pb2.InvokeChunk) -> bytes:
    return message.payload.data


def task(message: tasks_pb2.Task) -> Task:
    error = None
    if message.HasField("error"):
        kind = BY_NAME.get(message.error.name, SkillCrashed)
        error = kind(message.error.message)
    return Task(
        id=message.id,
        skill=message.skill,
        state=_STATES.get(message.state, TaskState.UNKNOWN),
        user=message.user,
        session=message.session,
        parent=message.parent,
        trigger=message.trigger,
        attempts=message.attempts,
        created=_time(message.created),
        updated=_time(message.updated),
        next_attempt=_time(message.next_attempt) if message.HasField("next_attempt") else None,
        result=_payload(message.result) if message.HasField("result") else None,
        error=error,
    )


def tasks(message: tasks_pb2.ListTasksResponse) -> Sequence[Task]:
    return [task(each) for each in message.tasks]


def file(message: files_pb2.File) -> File:
    return File(
        key=message.key,
        size=message.size,
        etag=message.etag,
        content_type=message.content_type,
        modified=_time(message.modified),
    )


def files(message: files_pb2.ListFilesResponse) -> Sequence[File]:
    return [file(each) for each in message.files]


def file_head(message: files_pb2.GetFileResponse) -> File:
    return file(message.file)


def file_chunk(message: files_pb2.GetFileResponse) -> bytes:
    return message.chunk


def skill(message: skills_pb2.Skill) -> Skill:
    return Skill(
        name=message.name,
        description=message.description,
        version=message.version,
        revision=message.revision,
        input_schema=_schema(message.input_schema),
        output_schema=_schema(message.output_schema),
        instances=message.instances,
        triggers=tuple(message.triggers),
        timeout=message.timeout_seconds,
        problem=message.problem,
    )


def skills(message: skills_pb2.ListSkillsResponse) -> list[Skill]:
    return [skill(each) for each in message.skills]


def log_record(message: skills_pb2.LogRecord) -> LogRecord:
    return LogRecord(
        time=_time(message.time),
        stream=message.stream,
        instance=message.instance,
        task=message.task,
        text=message.text,
        level=message.level,
        trace=message.trace,
    )


def models(message: models_pb2.ListModelsResponse) -> list[Model]:
    return [
        Model(
            name=each.name,
            version=each.version,
            abilities=tuple(each.abilities),
            dimensions=each.dimensions,
            max_tokens=each.max_tokens,
            ready=each.ready,
        )
        for each in message.models
    ]


def embeddings(message: models_pb2.EmbedResponse) -> Embeddings:
    return Embeddings(
        model=message.model,
        dimensions=message.dimensions,
        data=message.vectors,
        tokens=tuple(message.tokens),
    )


def piece(message: models_pb2.GenerateChunk) -> Piece:
    return Piece(
        text=message.text,
        finish_reason=message.finish_reason,
        prompt_tokens=message.usage.prompt_tokens,
        completion_tokens=message.usage.completion_tokens,
    )


def nothing(message: object) -> None:
    """Where that there was an answer is the answer."""


_STATES = {
    number: TaskState(name.removeprefix("TASK_STATE_").lower())
    for name, number in tasks_pb2.TaskState.items()
    if number != tasks_pb2.TASK_STATE_UNSPECIFIED
}


def _payload(message: call_pb2.Payload) -> Payload:
    return Payload(message.data, message.content_type or _JSON)


def _timings(parts: Iterable[call_pb2.Timing]) -> dict[str, float]:
    return {part.name: part.milliseconds for part in parts}


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _schema(text: str) -> Any:
    return msgspec.json.decode(text) if text else None
