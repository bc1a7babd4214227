"""Knative's own behaviour holds, and its errors arrive as ours."""

from __future__ import annotations

import asyncio
import json

import pytest

from catnap.errors import DeadlineExceeded, SkillCrashed
from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, pods


async def test_an_instance_has_no_more_calls_at_once_than_its_concurrency(
    deployed: Deployed,
) -> None:
    async def hold(number: int) -> tuple[str, int]:
        body = {"hold": 0.5, "number": number}
        status, headers, data = await deployed.request("POST", "/skills/narrow", body)
        assert status == 200, data
        return headers["catnap-instance"], json.loads(data)

    answers = await asyncio.gather(*(hold(number) for number in range(6)))
    assert {most for _, most in answers} == {1}, "calls at once, as the skill itself counted"
    assert len({instance for instance, _ in answers}) <= 2, "max-scale is 2"
    assert len(pods(deployed.namespace, "narrow")) <= 2


def test_the_timeout_of_a_skill_ends_its_calls(deployed: Deployed) -> None:
    with deployed.client() as client, pytest.raises(DeadlineExceeded):
        client.invoke("misbehave", {"mode": "hang"})


def test_an_instance_that_dies_in_a_call_is_a_crash_and_work_handed_over_is_done(
    deployed: Deployed,
) -> None:
    with deployed.client() as client:
        client.invoke("dies", {"mode": "answer"})
        with pytest.raises(SkillCrashed) as caught:
            client.invoke("dies", {"mode": "exit"})
        assert caught.value.retryable
        task = client.submit("dies", {"mode": "answer"})
        assert client.tasks.wait(task.id, timeout=100).state == "succeeded"


def test_min_scale_keeps_an_instance_that_nobody_calls(deployed: Deployed) -> None:
    [pod] = pods(deployed.namespace, "kept")
    [revision] = get(
        *("revisions.serving.knative.dev", "-n", deployed.namespace),
        *("-l", "serving.knative.dev/service=kept"),
    )["items"]
    assert revision["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "1"
    with deployed.client() as client:
        assert client.invoke("kept", {"any": 1}).instance == pod["metadata"]["name"]
