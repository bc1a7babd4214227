"""What can be asked of the gateway. Both clients have these functions as
their methods: the signatures and their meaning are here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from catnap.client import answers
from catnap.client.content import AnyContent
from catnap.client.operation import PROMPT, Download, Pages, Records, Unary, Upload
from catnap.client.options import (
    CallOptions,
    Scope,
    call_options,
    file_scope,
    timestamp,
    to_payload,
)
from catnap.client.values import (
    Answer,
    Embeddings,
    File,
    LogRecord,
    Model,
    Piece,
    Skill,
    StreamHead,
    Task,
    TaskState,
)
from catnap.errors import InvalidRequest
from catnap.v1 import files_pb2, models_pb2, skills_pb2, tasks_pb2

LONGEST_WAIT = 3600.0
"""Seconds that the gateway lets one Wait last."""
_WAIT_SLACK = 10.0
_PAGE = 1000


def invoke(
    skill: str, payload: Any = None, *, content_type: str = "", **options: Unpack[CallOptions]
) -> Unary[Answer]:
    """Calls a skill and waits for its answer.

    payload: bytes go as they are, anything else as JSON.
    """
    request = skills_pb2.InvokeRequest(
        skill=skill, payload=to_payload(payload, content_type), options=call_options(options)
    )
    return Unary(lambda to: to.skills.Invoke, request, answers.answer, options.get("timeout"))


def stream(
    skill: str, payload: Any = None, *, content_type: str = "", **options: Unpack[CallOptions]
) -> Download[StreamHead]:
    """Calls a skill and gives its answer in parts, as they are produced."""
    request = skills_pb2.InvokeRequest(
        skill=skill, payload=to_payload(payload, content_type), options=call_options(options)
    )
    return Download(
        lambda to: to.skills.InvokeStream,
        request,
        answers.stream_head,
        answers.stream_chunk,
        options.get("timeout"),
    )


def submit(
    skill: str, payload: Any = None, *, content_type: str = "", **options: Unpack[CallOptions]
) -> Unary[Task]:
    """Records a task. It runs though nobody waits, also after a restart."""
    request = tasks_pb2.SubmitRequest(
        skill=skill, payload=to_payload(payload, content_type), options=call_options(options)
    )
    if "timeout" in options:
        # The RPC ends long before the task does, so its deadline cannot tell.
        request.options.deadline.CopyFrom(timestamp(time.time() + options["timeout"]))
    return Unary(lambda to: to.tasks.Submit, request, answers.task)


def list_skills() -> Unary[list[Skill]]:
    """The skills that the caller may see, by name."""
    return Unary(lambda to: to.skills.List, skills_pb2.ListSkillsRequest(), answers.skills)


def get_skill(name: str) -> Unary[Skill]:
    """One skill. Raises NotFound."""
    return Unary(lambda to: to.skills.Get, skills_pb2.GetSkillRequest(name=name), answers.skill)


def logs(skill: str, *, tail: int = 100, follow: bool = False) -> Records[LogRecord]:
    """The last `tail` lines of a skill's instances, oldest first; then, with
    `follow`, what is written from now on."""
    request = skills_pb2.LogsRequest(skill=skill, tail=tail, follow=follow)
    return Records(lambda to: to.skills.Logs, request, answers.log_record)


def get_task(task: str) -> Unary[Task]:
    """The task as it is now. Raises NotFound."""
    return Unary(lambda to: to.tasks.Get, tasks_pb2.GetTaskRequest(id=task), answers.task)


def wait_task(task: str, timeout: float = LONGEST_WAIT) -> Unary[Task]:
    """The task once it has ended, or as it is after `timeout` seconds; an hour
    at most."""
    seconds = min(timeout, LONGEST_WAIT)
    limit = Duration()
    limit.FromMilliseconds(round(seconds * 1000))
    request = tasks_pb2.WaitTaskRequest(id=task, timeout=limit)
    return Unary(lambda to: to.tasks.Wait, request, answers.task, seconds + _WAIT_SLACK)


def cancel_task(task: str) -> Unary[Task]:
    """Stops a task; one that has ended is left as it is."""
    return Unary(lambda to: to.tasks.Cancel, tasks_pb2.CancelTaskRequest(id=task), answers.task)


def list_tasks(*, states: Sequence[TaskState] = (), skill: str = "", user: str = "") -> Pages[Task]:
    """Newest first; pages are fetched as they are needed."""
    names = [f"TASK_STATE_{state.name}" for state in states]

    def request(token: str) -> Message:
        return tasks_pb2.ListTasksRequest(states=names, skill=skill, user=user, page_token=token)

    return Pages(lambda to: to.tasks.List, request, answers.tasks)


def redrive_task(task: str) -> Unary[Task]:
    """Queues a dead task again, with a fresh set of attempts."""
    return Unary(lambda to: to.tasks.Redrive, tasks_pb2.RedriveTaskRequest(id=task), answers.task)


def put_file(
    key: str,
    content: AnyContent,
    *,
    content_type: str = "",
    if_match: str = "",
    if_none_match: str = "",
    **scope: Unpack[Scope],
) -> Upload[File]:
    """Writes a file, which appears whole or not at all.

    if_match: only over this version; if_none_match="*": only if there is
    none. Raises Conflict otherwise.
    """
    header = files_pb2.PutFileHeader(
        scope=file_scope(scope),
        key=key,
        content_type=content_type,
        if_match=if_match,
        if_none_match=if_none_match,
    )
    return Upload(
        lambda to: to.files.Put,
        files_pb2.PutFileRequest(header=header),
        content,
        lambda data: files_pb2.PutFileRequest(chunk=data),
        files_pb2.PutFileRequest(end=files_pb2.PutFileEnd()),
        answers.file,
    )


def get_file(
    key: str, *, offset: int = 0, length: int = 0, if_match: str = "", **scope: Unpack[Scope]
) -> Download[File]:
    """A file in parts; `.head` says what it is, `.read()` gives it whole.

    offset: the first byte to read; below 0 it counts from the end, and takes
    no length. length: bytes to read at most, 0 for all. if_match: only this
    version. Raises NotFound, InvalidRequest for what begins past the end, and
    Conflict.
    """
    request = files_pb2.GetFileRequest(
        scope=file_scope(scope), key=key, offset=offset, length=length, if_match=if_match
    )
    return Download(lambda to: to.files.Get, request, answers.file_head, answers.file_chunk)


def copy_file(
    source: str,
    key: str,
    *,
    move: bool = False,
    source_session: str = "",
    source_task: str = "",
    if_match: str = "",
    if_none_match: str = "",
    **scope: Unpack[Scope],
) -> Unary[File]:
    """Writes under `key` what the file `source` of the same user holds.

    move: removes the source then, if it is still what was copied. The scope and
    the conditions are those of what is written. Raises NotFound and Conflict.
    """
    request = files_pb2.CopyFileRequest(
        source=files_pb2.Scope(session=source_session, task=source_task),
        source_key=source,
        scope=file_scope(scope),
        key=key,
        if_match=if_match,
        if_none_match=if_none_match,
        move=move,
    )
    return Unary(lambda to: to.files.Copy, request, answers.file, None)


def list_files(prefix: str = "", **scope: Unpack[Scope]) -> Pages[File]:
    """By key; pages are fetched as they are needed."""

    def request(token: str) -> Message:
        return files_pb2.ListFilesRequest(
            scope=file_scope(scope), prefix=prefix, page_size=_PAGE, page_token=token
        )

    return Pages(lambda to: to.files.List, request, answers.files)


def delete_file(key: str, *, if_match: str = "", **scope: Unpack[Scope]) -> Unary[None]:
    """Raises NotFound."""
    request = files_pb2.DeleteFileRequest(scope=file_scope(scope), key=key, if_match=if_match)
    return Unary(lambda to: to.files.Delete, request, answers.nothing)


def embed(texts: Sequence[str], *, model: str = "", timeout: float = PROMPT) -> Unary[Embeddings]:
    """Vectors for up to 4,096 texts. model: may be left out where there is
    just one that embeds."""
    if isinstance(texts, str):
        raise InvalidRequest("texts: give a list of texts, not one text")
    request = models_pb2.EmbedRequest(model=model, texts=texts)
    return Unary(lambda to: to.models.Embed, request, answers.embeddings, timeout)


def generate(
    prompt: str = "",
    *,
    model: str = "",
    messages: Sequence[Mapping[str, str]] = (),
    max_tokens: int = 0,
    temperature: float | None = None,
    seed: int | None = None,
    stop: Sequence[str] = (),
    timeout: float | None = None,
) -> Records[Piece]:
    """Text, as it is produced.

    prompt: what the model goes on with, as it is. messages: or a chat that it
    answers, of {"role":, "content":}, where its server takes chats. model: may be
    left out where there is just one that generates. max_tokens: to produce at
    most; 0 for the model's own limit. temperature: 0 is greedy, None the
    model's own. stop: the text ends before any of these. Who leaves the loop
    ends the work at the server.
    """
    if isinstance(stop, str):
        raise InvalidRequest("stop: give a list of texts, not one text")
    request = models_pb2.GenerateRequest(
        model=model,
        prompt=prompt,
        messages=[
            models_pb2.ChatMessage(role=each.get("role", ""), content=each.get("content", ""))
            for each in messages
        ],
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop=stop,
    )
    return Records(lambda to: to.models.Generate, request, answers.piece, timeout)


def list_models() -> Unary[list[Model]]:
    """The models that the caller may use, by name."""
    return Unary(lambda to: to.models.List, models_pb2.ListModelsRequest(), answers.models)
