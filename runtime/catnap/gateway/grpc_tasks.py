"""catnap.v1.Tasks."""

from __future__ import annotations

from catnap.access import Principal, acting_for, asking
from catnap.errors import InvalidRequest, NotFound
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_callers import rpc_call
from catnap.gateway.grpc_door import answers
from catnap.gateway.status import Context
from catnap.gateway.tags import refuse_later
from catnap.tasks import Task
from catnap.tasks.task import State
from catnap.v1 import tasks_pb2
from catnap.v1.tasks_pb2_grpc import TasksServicer

DEFAULT_PAGE = 50
MAX_PAGE = 1000
MAX_WAIT = 3600.0

_STATES: dict[State, int] = {
    "queued": tasks_pb2.TASK_STATE_QUEUED,
    "running": tasks_pb2.TASK_STATE_RUNNING,
    "succeeded": tasks_pb2.TASK_STATE_SUCCEEDED,
    "failed": tasks_pb2.TASK_STATE_FAILED,
    "cancelled": tasks_pb2.TASK_STATE_CANCELLED,
    "dead": tasks_pb2.TASK_STATE_DEAD,
}
_NAMES = {number: name for name, number in _STATES.items()}


class Tasks(TasksServicer):
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @answers
    async def Submit(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.SubmitRequest, context: Context
    ) -> tasks_pb2.Task:
        refuse_later(request.options.tag)
        call = rpc_call(
            caller, context, request.skill, request.payload, request.options, waits=False
        )
        return _message(await self.gateway.pipeline.submit(call))

    @answers
    async def Get(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.GetTaskRequest, context: Context
    ) -> tasks_pb2.Task:
        return _message(await self._find(caller, request.id))

    @answers
    async def Wait(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.WaitTaskRequest, context: Context
    ) -> tasks_pb2.Task:
        await self._find(caller, request.id)
        timeout = MAX_WAIT
        if request.HasField("timeout"):
            timeout = request.timeout.seconds + request.timeout.nanos / 1e9
            if not 0 <= timeout <= MAX_WAIT:
                raise InvalidRequest(f"timeout: {timeout:g} s is not between 0 and {MAX_WAIT:g}")
        return _message(await self.gateway.pipeline.wait(caller.tenant, request.id, timeout))

    @answers
    async def Cancel(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.CancelTaskRequest, context: Context
    ) -> tasks_pb2.Task:
        await self._find(caller, request.id)
        return _message(await self.gateway.pipeline.cancel(caller.tenant, request.id))

    @answers
    async def List(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.ListTasksRequest, context: Context
    ) -> tasks_pb2.ListTasksResponse:
        if not 0 <= request.page_size <= MAX_PAGE:
            raise InvalidRequest(f"page_size: {request.page_size} is not between 0 and {MAX_PAGE}")
        size = request.page_size or DEFAULT_PAGE
        # Who may act for one user only sees that user's tasks.
        user = acting_for(caller, request.user) if caller.user or request.user else ""
        found = await self.gateway.journal.page(
            caller.tenant,
            states=[_state(number) for number in request.states],
            skill=request.skill,
            user=user,
            limit=size + 1,
            before=request.page_token,
        )
        more = found[size - 1].id if len(found) > size else ""
        return tasks_pb2.ListTasksResponse(
            tasks=[_message(task) for task in found[:size]], next_page_token=more
        )

    @answers
    async def Redrive(  # noqa: N802
        self, caller: Principal, request: tasks_pb2.RedriveTaskRequest, context: Context
    ) -> tasks_pb2.Task:
        asking.detail(f"task {request.id}")
        await self._find(caller, request.id)
        return _message(await self.gateway.pipeline.redrive(caller.tenant, request.id))

    async def _find(self, caller: Principal, id: str) -> Task:  # noqa: A002
        """The task, if it is one that the caller may see at all."""
        task = await self.gateway.journal.get(caller.tenant, id)
        if caller.user is not None and task.user != caller.user:
            raise NotFound(f"there is no task {id!r}")
        return task


def _state(number: int) -> State:
    name = _NAMES.get(number)
    if name is None:
        raise InvalidRequest(f"states: {number} is no state of a task")
    return name


def _message(task: Task) -> tasks_pb2.Task:
    message = tasks_pb2.Task(
        id=task.id,
        skill=task.skill,
        state=_STATES[task.state],  # type: ignore[arg-type]
        user=task.user,
        session=task.session,
        parent=task.parent,
        trigger=task.trigger,
        attempts=task.attempts,
    )
    message.created.FromNanoseconds(round(task.created * 1e9))
    message.updated.FromNanoseconds(round(task.updated * 1e9))
    if task.state == "queued":
        message.next_attempt.FromNanoseconds(round(task.due * 1e9))
    if task.result is not None:
        message.result.data = task.result
        message.result.content_type = task.content_type
    if task.failure is not None:
        message.error.name = task.failure.name
        message.error.message = task.failure.message
        message.error.retryable = task.failure.retryable
    return message
