import datetime

from catnap.v1 import call_pb2 as _call_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InvokeRequest(_message.Message):
    __slots__ = ("skill", "payload", "options")
    SKILL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    skill: str
    payload: _call_pb2.Payload
    options: _call_pb2.CallOptions
    def __init__(self, skill: _Optional[str] = ..., payload: _Optional[_Union[_call_pb2.Payload, _Mapping]] = ..., options: _Optional[_Union[_call_pb2.CallOptions, _Mapping]] = ...) -> None: ...

class InvokeResponse(_message.Message):
    __slots__ = ("payload", "task", "instance", "timings")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    payload: _call_pb2.Payload
    task: str
    instance: str
    timings: _containers.RepeatedCompositeFieldContainer[_call_pb2.Timing]
    def __init__(self, payload: _Optional[_Union[_call_pb2.Payload, _Mapping]] = ..., task: _Optional[str] = ..., instance: _Optional[str] = ..., timings: _Optional[_Iterable[_Union[_call_pb2.Timing, _Mapping]]] = ...) -> None: ...

class InvokeChunk(_message.Message):
    __slots__ = ("payload", "task", "instance", "timings")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    payload: _call_pb2.Payload
    task: str
    instance: str
    timings: _containers.RepeatedCompositeFieldContainer[_call_pb2.Timing]
    def __init__(self, payload: _Optional[_Union[_call_pb2.Payload, _Mapping]] = ..., task: _Optional[str] = ..., instance: _Optional[str] = ..., timings: _Optional[_Iterable[_Union[_call_pb2.Timing, _Mapping]]] = ...) -> None: ...

class ListSkillsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSkillsResponse(_message.Message):
    __slots__ = ("skills",)
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    skills: _containers.RepeatedCompositeFieldContainer[Skill]
    def __init__(self, skills: _Optional[_Iterable[_Union[Skill, _Mapping]]] = ...) -> None: ...

class GetSkillRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Skill(_message.Message):
    __slots__ = ("name", "description", "version", "revision", "input_schema", "output_schema", "instances", "triggers", "timeout_seconds", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    version: str
    revision: str
    input_schema: str
    output_schema: str
    instances: int
    triggers: _containers.RepeatedScalarFieldContainer[str]
    timeout_seconds: float
    problem: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., version: _Optional[str] = ..., revision: _Optional[str] = ..., input_schema: _Optional[str] = ..., output_schema: _Optional[str] = ..., instances: _Optional[int] = ..., triggers: _Optional[_Iterable[str]] = ..., timeout_seconds: _Optional[float] = ..., problem: _Optional[str] = ...) -> None: ...

class LogsRequest(_message.Message):
    __slots__ = ("skill", "tail", "follow")
    SKILL_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    skill: str
    tail: int
    follow: bool
    def __init__(self, skill: _Optional[str] = ..., tail: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class LogRecord(_message.Message):
    __slots__ = ("time", "stream", "instance", "task", "text", "level", "trace")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    stream: str
    instance: str
    task: str
    text: str
    level: str
    trace: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stream: _Optional[str] = ..., instance: _Optional[str] = ..., task: _Optional[str] = ..., text: _Optional[str] = ..., level: _Optional[str] = ..., trace: _Optional[str] = ...) -> None: ...
