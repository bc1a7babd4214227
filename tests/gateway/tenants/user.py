"""A user of a tenant: what they do, and a model of all that they may see."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.duration_pb2 import Duration

from catnap.v1 import call_pb2, files_pb2, skills_pb2, tasks_pb2
from tests.gateway.tenants.operation import Operation
from tests.gateway.tenants.reach import refused
from tests.gateway.tenants.surfaces import Credential, Files, InSkill, OverGrpc, OverHttp


@dataclass
class User:
    """by: a credential of theirs alone, or one of the whole tenant's."""

    tenant: str
    name: str
    by: Credential
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """By scope and key."""
    tasks: dict[str, str] = field(default_factory=dict)
    """Those of `notes` that were submitted, and what each is to answer."""
    _texts: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    async def do(self, operation: Operation, others: Sequence[User]) -> None:
        """Raises AssertionError where they see anything but their own."""
        scope, key = operation.scope, operation.key
        if operation.surface == "skill" and scope.startswith("task"):
            scope = "user"
        files = self.over(operation.surface)
        match operation.kind:
            case "put":
                content = self._text().encode()
                await files.put(scope, key, content)
                self.files[scope, key] = content
            case "get":
                assert await files.get(scope, key) == self.files.get((scope, key))
            case "list":
                assert await files.keys(scope, operation.prefix) == self.keys(
                    scope, operation.prefix
                )
            case "delete":
                found = await files.delete(scope, key)
                was = self.files.pop((scope, key), None) is not None
                assert found == was or operation.surface == "skill"
            case "say":
                await self._say(operation.surface)
            case "submit":
                await self._submit(operation.surface)
            case "tasks":
                await self._look_at_tasks()
            case "trespass":
                await self._trespass(operation, others[operation.number % len(others)])

    def over(self, surface: str) -> Files:
        match surface:
            case "http":
                return OverHttp(self.by)
            case "grpc":
                return OverGrpc(self.by)
        return InSkill(self.by, self.tenant, self.name)

    def keys(self, scope: str, prefix: str) -> list[str]:
        mine = (key for at, key in self.files if at == scope and key.startswith(prefix))
        return sorted(mine, key=str.encode)

    def _text(self) -> str:
        """No two of anybody's are alike."""
        return f"{self.tenant} {self.name} {self._texts()}"

    # --- calls and tasks ---------------------------------------------------------

    async def _say(self, surface: str) -> None:
        text = self._text()
        if surface != "grpc":
            skill = InSkill(self.by, self.tenant, self.name)
            assert await skill.do("user", do="say", text=text) == text
            return
        request = skills_pb2.InvokeRequest(
            skill="notes", payload=_payload(text), options=self._options()
        )
        answer = await self.by.reach.skills.Invoke(request, metadata=self.by.metadata)
        assert json.loads(answer.payload.data) == [self.tenant, self.name, "", text]

    async def _submit(self, surface: str) -> None:
        text = self._text()
        if surface == "grpc":
            request = tasks_pb2.SubmitRequest(
                skill="notes", payload=_payload(text), options=self._options()
            )
            task = await self.by.reach.tasks.Submit(request, metadata=self.by.metadata)
            self.tasks[task.id] = text
            return
        status, accepted = await self.by.reach.ask(
            *("POST", "/skills/notes", {"do": "say", "text": text}, self.by.key),
            catnap_user=self.by.name,
            prefer="respond-async",
        )
        assert status == 202
        self.tasks[accepted["task"]] = text

    async def _look_at_tasks(self) -> None:
        """Each ends as it should, and the list holds these and no others that
        were submitted."""
        tasks, metadata = self.by.reach.tasks, self.by.metadata
        for id_, text in list(self.tasks.items())[-3:]:
            wait = tasks_pb2.WaitTaskRequest(id=id_, timeout=Duration(seconds=30))
            ended = await tasks.Wait(wait, metadata=metadata)
            assert ended.user == self.name
            assert json.loads(ended.result.data) == [self.tenant, self.name, "", text]
        listed = tasks_pb2.ListTasksRequest(user=self.by.name, page_size=1000)
        found = (await tasks.List(listed, metadata=metadata)).tasks
        assert {each.user for each in found} <= {self.name}
        assert self.tasks.keys() <= {each.id for each in found}

    def _options(self) -> call_pb2.CallOptions:
        return call_pb2.CallOptions(user=self.by.name)

    # --- what is not theirs ------------------------------------------------------

    async def _trespass(self, operation: Operation, other: User) -> None:
        if self.by.name and other.tenant == self.tenant:
            return  # a key of the whole tenant may
        tasks, metadata = self.by.reach.tasks, self.by.metadata
        for id_ in list(other.tasks)[-1:]:
            for call in (
                tasks.Get(tasks_pb2.GetTaskRequest(id=id_), metadata=metadata),
                tasks.Cancel(tasks_pb2.CancelTaskRequest(id=id_), metadata=metadata),
                tasks.Wait(tasks_pb2.WaitTaskRequest(id=id_), metadata=metadata),
            ):
                assert await refused(call) == "NotFound"
        if other.tenant != self.tenant:
            await self._as_tenant(other.tenant)
        elif other.name != self.name:
            await self._as_user(operation, other.name)

    async def _as_tenant(self, tenant: str) -> None:
        event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "t", "tenantid": tenant}
        for path in ("/skills/notes", "/events"):
            status, _ = await self.by.reach.ask(
                *("POST", path, event, self.by.key), content_type="application/cloudevents+json"
            )
            assert status == 403

    async def _as_user(self, operation: Operation, name: str) -> None:
        by = Credential(self.by.reach, self.by.key, name)
        path = f"/files/user/{operation.number}"
        for method, there in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", "/files")):
            assert (await by.reach.ask(method, there, key=by.key, catnap_user=name))[0] == 403
        assert (await by.reach.ask("POST", "/skills/notes", key=by.key, catnap_user=name))[0] == 403
        scope = files_pb2.Scope(user=name)
        listing = files_pb2.ListFilesRequest(scope=scope)
        invoke = skills_pb2.InvokeRequest(
            skill="notes", options=call_pb2.CallOptions(user=name), payload=_payload("")
        )
        for call in (
            by.reach.files.List(listing, metadata=by.metadata),
            by.reach.skills.Invoke(invoke, metadata=by.metadata),
        ):
            assert await refused(call) == "PermissionDenied"


def _payload(text: str) -> call_pb2.Payload:
    return call_pb2.Payload(
        data=json.dumps({"do": "say", "text": text}).encode(), content_type="application/json"
    )
