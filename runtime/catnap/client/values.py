"""What a client gets back: frozen values, free of protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from catnap.errors import CatnapError, InvalidRequest


@dataclass(frozen=True)
class Payload:
    """Bytes and their media type."""

    data: bytes = field(repr=False)
    content_type: str

    @property
    def is_json(self) -> bool:
        media_type = self.content_type.partition(";")[0].strip().lower()
        return media_type == "application/json" or media_type.endswith("+json")

    def json(self, kind: Any = Any) -> Any:
        """The data read as JSON, as `kind` where one is given (any type that
        msgspec knows). Raises InvalidRequest where it is not that."""
        try:
            return msgspec.json.decode(self.data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"the {self.content_type} answer cannot be read as JSON: {error}"
            ) from None


@dataclass(frozen=True)
class Answer(Payload):
    """What a skill answered, and how the call went.

    timings: milliseconds by part: queue, start, import, init, handle; start,
    import and init are there only if an instance had to be started.
    """

    task: str
    instance: str
    timings: Mapping[str, float]


@dataclass(frozen=True)
class StreamHead:
    """What is known once a streamed answer has begun; timings as in Answer."""

    content_type: str
    task: str
    instance: str
    timings: Mapping[str, float]


class TaskState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"
    """Every attempt failed; kept until it is redriven."""
    UNKNOWN = "unknown"
    """A state that only a newer gateway has."""

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more unless somebody asks."""
        return self not in (TaskState.QUEUED, TaskState.RUNNING, TaskState.UNKNOWN)


@dataclass(frozen=True)
class Task:
    """One invocation as it was when the gateway answered.

    `next_attempt` is there while it is queued, `result` once it succeeded,
    `error` once an attempt has failed.
    """

    id: str
    skill: str
    state: TaskState
    user: str
    session: str
    parent: str
    trigger: str
    attempts: int
    created: datetime
    updated: datetime
    next_attempt: datetime | None
    result: Payload | None
    error: CatnapError | None


@dataclass(frozen=True)
class File:
    """What is known of a file. `size` is in bytes; `etag` changes whenever
    the content does."""

    key: str
    size: int
    etag: str
    content_type: str
    modified: datetime


@dataclass(frozen=True)
class Skill:
    """What an agent needs to know to call a skill.

    The schemas are JSON Schema (2020-12), None where the skill declares no
    type or was not loaded yet. `timeout` is in seconds. `problem` says why
    the newest version is not served, and is empty when it is.
    """

    name: str
    description: str
    version: str
    revision: str
    input_schema: Any
    output_schema: Any
    instances: int
    triggers: tuple[str, ...]
    timeout: float
    problem: str


@dataclass(frozen=True)
class LogRecord:
    """One line that an instance wrote. `stream` is stdout or stderr; `task`
    is empty where no single task can have written it. What went through
    `logging` has a `level`, such as warning. `trace` is the id of the W3C
    trace that the task is part of."""

    time: datetime
    stream: str
    instance: str
    task: str
    text: str
    level: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Model:
    """A model and what it can be asked: embed, generate, infer.

    `dimensions` is 0 for a model without embeddings; `max_tokens`, the
    longest input, is 0 where it is not known.
    """

    name: str
    version: str
    abilities: tuple[str, ...]
    dimensions: int
    max_tokens: int
    ready: bool


@dataclass(frozen=True)
class Embeddings:
    """Vectors in the order of their texts.

    `data` holds len(tokens) * dimensions little-endian 32-bit floats; `tokens`
    counts what was read of each text.
    """

    model: str
    dimensions: int
    data: bytes = field(repr=False)
    tokens: tuple[int, ...]

    def matrix(self) -> memoryview[float]:
        """The vectors as a (texts, dimensions) buffer of floats, without a
        copy; numpy.asarray takes it as it is. Needs one text at least."""
        return memoryview(self.data).cast("f", (len(self.tokens), self.dimensions))


@dataclass(frozen=True)
class Piece:
    """The next part of a text that a model makes. The last one has a
    `finish_reason`, such as stop or length, and how many tokens were read and
    written."""

    text: str
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
