"""A session's folder outlives the pod that has it."""

from __future__ import annotations

import contextlib
import json

import pytest

from catnap.client import Client
from catnap.errors import SkillCrashed
from tests.cluster.deployed import Deployed
from tests.cluster.kube import kubectl


def pad(client: Client, session: str, **what: str) -> tuple[dict[str, str], str]:
    """The session's files, and the pod."""
    result = client.invoke("pad", what, session=session)
    [files, _] = result.json()
    return files, result.instance


def elsewhere(client: Client, session: str, pod: str) -> dict[str, str]:
    """The session's files, once another pod has it: this one may still take calls."""
    while True:
        with contextlib.suppress(SkillCrashed):
            files, other = pad(client, session)
            if other != pod:
                return files


@pytest.mark.timeout(300)
def test_a_session_finds_its_folder_where_its_pod_was_deleted(deployed: Deployed) -> None:
    with deployed.client() as client:
        pad(client, "moved", write="a.txt", text="one")
        _, pod = pad(client, "moved", write="b.txt", text="two")
        kubectl("delete", "pod", "-n", deployed.namespace, pod, "--wait=false")
        files = elsewhere(client, "moved", pod)
    assert files == {"a.txt": "one", "b.txt": "two"}


@pytest.mark.timeout(300)
def test_a_session_finds_what_was_kept_where_its_pod_was_killed(deployed: Deployed) -> None:
    with deployed.client() as client:
        pad(client, "killed", write="a.txt", text="one")
        _, pod = pad(client, "killed")  # by now that is kept
        kill = ("--grace-period=0", "--force")
        kubectl("delete", "pod", "-n", deployed.namespace, pod, "--wait=false", *kill)
        files = elsewhere(client, "killed", pod)
    assert files == {"a.txt": "one"}


@pytest.mark.timeout(300)
async def test_a_session_is_taken_back_while_a_pod_has_it(deployed: Deployed) -> None:
    with deployed.client() as client:
        for text in ("one", "two"):
            pad(client, "back", write="a.txt", text=text)
        pad(client, "back")
        _, _, shown = await deployed.request("GET", "/sessions/pad/back")
        assert [each["number"] for each in json.loads(shown)["snapshots"]] == [2, 1]
        status, _, _ = await deployed.request("POST", "/sessions/pad/back/restore?at=1")
        files, _ = pad(client, "back")
    assert (status, files) == (200, {"a.txt": "one"})
