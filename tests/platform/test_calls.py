"""Calls over gRPC and HTTP, on the real platform."""

from __future__ import annotations

import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from catnap.errors import Conflict, DeadlineExceeded, InvalidRequest, NotFound
from tests.platform.running import Running


async def test_a_skill_answers_the_same_over_grpc_http_and_both_event_modes(
    platform: Running,
) -> None:
    payload = {"what": ["ever", 1, None]}
    with platform.client() as client:
        assert client.invoke("echo", payload).json() == payload
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/test", "ce-type": "any"}
    whole = {"specversion": "1.0", "id": "1", "source": "/t", "type": "any", "data": payload}
    structured = {"content-type": "application/cloudevents+json"}
    for body, headers in ((payload, {}), (payload, event), (whole, structured)):
        status, _, data = await platform.request("POST", "/skills/echo", body, headers)
        assert (status, json.loads(data)) == (200, payload)


async def test_the_answer_says_which_instance_gave_it_and_where_the_time_went(
    platform: Running,
) -> None:
    status, headers, _ = await platform.request("POST", "/skills/echo", {})
    assert status == 200
    assert headers["catnap-instance"].startswith("echo-0000")
    parts = {part.split(";")[0] for part in headers["server-timing"].split(", ")}
    assert {"queue", "handle"} <= parts


async def test_calls_of_one_session_reach_one_instance(platform: Running) -> None:
    with platform.client() as client:
        answers = [client.invoke("typed", {"show": "instance"}, session="s1") for _ in range(5)]
    assert len({answer.json()[1] for answer in answers}) == 1


async def test_the_context_says_for_whom_the_call_is(platform: Running) -> None:
    with platform.client() as client:
        answer = client.invoke("typed", {"show": "who"}, user="ada", session="s2")
    assert answer.json() == ["default", "ada", "s2", answer.task, "", True]


async def test_a_child_call_is_for_the_same_user_and_knows_its_parent(platform: Running) -> None:
    child = {"call": "typed", "payload": {"show": "who"}}
    with platform.client() as client:
        answer = client.invoke("typed", child, user="ada", session="s2")
    tenant, user, session, task, parent, _ = answer.json()
    assert (tenant, user, session, parent) == ("default", "ada", "s2", answer.task)
    assert task != answer.task


async def test_a_skill_that_calls_itself_for_ever_is_stopped(platform: Running) -> None:
    payload: dict[str, object] = {"numbers": [1]}
    for _ in range(20):
        payload = {"call": "typed", "payload": payload}
    with platform.client() as client, pytest.raises(InvalidRequest, match="16 deep"):
        client.invoke("typed", payload)


async def test_a_skill_embeds_through_the_gateway(platform: Running) -> None:
    with platform.client() as client:
        assert client.invoke("typed", {"embed": ["one", "two", "three"]}).json() == [3, 384]


async def test_a_functions_framework_function_is_a_skill_as_it_stands(platform: Running) -> None:
    with platform.client() as client:
        assert client.invoke("stock", {"name": "Ada"}).json() == {"hello": "Ada", "method": "POST"}


async def test_an_instance_holds_nothing_of_the_platforms_environment(platform: Running) -> None:
    with platform.client() as client:
        names = client.invoke("typed", {"show": "environment"}).json()
    assert not {"CATNAP_TOKEN", "CATNAP_HOME", "CATNAP_ADMIN_KEY", "USER"} & set(names)


async def test_an_idempotency_key_gives_the_first_outcome_again(platform: Running) -> None:
    with platform.client() as client:
        first = client.invoke("typed", {"show": "instance"}, idempotency_key="k1")
        again = client.invoke("typed", {"show": "instance"}, idempotency_key="k1")
        assert (again.task, again.json()) == (first.task, first.json())
        with pytest.raises(Conflict):
            client.invoke("typed", {"numbers": [1]}, idempotency_key="k1")


async def test_a_deadline_ends_a_call(platform: Running) -> None:
    with platform.client() as client, pytest.raises(DeadlineExceeded):
        client.invoke("misbehave", {"mode": "hang"}, timeout=0.5)


async def test_an_asynchronous_call_is_a_task_that_can_be_waited_for(platform: Running) -> None:
    headers = {"prefer": "respond-async"}
    status, _, data = await platform.request("POST", "/skills/typed", {"numbers": [1, 2]}, headers)
    assert status == 202
    with platform.client() as client:
        task = client.tasks.wait(json.loads(data)["task"], timeout=30)
        assert task.state == "succeeded"
        assert task.result is not None
        assert task.result.json() == 3


async def test_a_task_at_work_can_be_cancelled(platform: Running) -> None:
    with platform.client() as client:
        task = client.submit("misbehave", {"mode": "hang"})
        assert client.tasks.cancel(task.id).state == "cancelled"
        assert client.tasks.get(task.id).state == "cancelled"


async def test_a_skill_shows_its_schema_and_an_unknown_one_the_nearest_name(
    platform: Running,
) -> None:
    with platform.client() as client:
        schema = client.skills.get("typed").input_schema
        assert "numbers" in json.dumps(schema)
        with pytest.raises(NotFound, match="did you mean 'typed'"):
            client.skills.get("type")


@pytest.mark.local
async def test_output_lands_in_the_log_with_its_task(platform: Running) -> None:
    with platform.client() as client:
        answer = client.invoke("typed", {"show": "print"})
        lines = client.skills.logs("typed", tail=1000, follow=True)
        record = next(line for line in lines if line.task == answer.task)
    assert record.text == "a line of output"


async def test_health_and_reflection_are_on(platform: Running) -> None:
    with grpc.insecure_channel(platform.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "catnap.v1.Skills", "inference.GRPCInferenceService"):
            state = health.Check(health_pb2.HealthCheckRequest(service=name)).status
            assert state == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        [answer] = reflection.ServerReflectionInfo(iter([asked]))
        services = {service.name for service in answer.list_services_response.service}
    assert {f"catnap.v1.{each}" for each in ("Skills", "Tasks", "Files", "Models")} <= services
