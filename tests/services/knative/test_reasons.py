from __future__ import annotations

import pytest

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.services.knative.reasons import (
    Fault,
    last_line,
    of_claim,
    of_deployment,
    of_pod,
    of_pods,
    of_revision,
)
from tests.services.knative.statuses import (
    NO_ROOM,
    PULLED,
    QUOTA,
    RUNC,
    TRACEBACK,
    Found,
    condition,
    pod,
    terminated,
    waiting,
)

NO_MODULE = "crashed with exit status 1: ModuleNotFoundError: No module named 'nomodule'"
NO_HOST = (
    'image dev.local/none:1 cannot be pulled: Head "https://dev.local/v2/none/manifests/1": '
    "lookup dev.local: no such host"
)


@pytest.mark.parametrize(
    ("found", "text", "final", "error"),
    [
        pytest.param(
            pod(waiting("ErrImagePull", PULLED)), NO_HOST, False, Unavailable, id="first pull"
        ),
        pytest.param(
            pod(
                waiting(
                    "ImagePullBackOff",
                    f'Back-off pulling image "dev.local/none:1": ErrImagePull: {PULLED}',
                )
            ),
            NO_HOST,
            True,
            Unavailable,
            id="second pull",
        ),
        pytest.param(
            pod(terminated(1, message=TRACEBACK)), NO_MODULE, True, SkillCrashed, id="crash"
        ),
        pytest.param(
            pod(waiting("CrashLoopBackOff", "back-off 40s"), terminated(1, message=TRACEBACK)),
            NO_MODULE,
            True,
            SkillCrashed,
            id="crash loop",
        ),
        pytest.param(
            pod({"running": {}}, terminated(1, message=TRACEBACK)),
            NO_MODULE,
            True,
            SkillCrashed,
            id="started again",
        ),
        pytest.param(
            pod(terminated(0, "Completed")),
            "ended by itself, with exit status 0",
            True,
            SkillCrashed,
            id="ended",
        ),
        pytest.param(
            pod(terminated(137, "OOMKilled")),
            "killed: it took more than its memory limit",
            True,
            SkillCrashed,
            id="out of memory",
        ),
        pytest.param(
            pod(waiting("RunContainerError", RUNC), terminated(128, "StartError", RUNC)),
            'cannot be started: exec: "/nothing": stat /nothing: no such file or directory',
            True,
            SkillCrashed,
            id="no program",
        ),
        pytest.param(
            pod(waiting("CreateContainerConfigError", 'secret "catnap-admin" not found')),
            'cannot be started: secret "catnap-admin" not found',
            False,
            Unavailable,
            id="no secret",
        ),
        pytest.param(
            pod(conditions=[condition("PodScheduled", "False", "Unschedulable", NO_ROOM)]),
            "no node takes it: 0/1 nodes are available: 1 Insufficient cpu",
            False,
            Unavailable,
            id="no room",
        ),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
            "Evicted: The node was low on resource: memory.",
            True,
            Unavailable,
            id="evicted",
        ),
    ],
)
def test_a_pod_says_why_it_does_not_run(
    found: Found, text: str, final: bool, error: type[CatnapError]
) -> None:
    fault = of_pod(found)
    assert fault is not None
    assert (fault.text, fault.after == 0, fault.error) == (text, final, error)


@pytest.mark.parametrize(
    "found",
    [
        pod(),
        pod({"running": {}}),
        pod(waiting("ContainerCreating")),
        pod({"running": {}}, terminated(1), ready=True),
        pod(conditions=[condition("PodScheduled", "True")]),
    ],
    ids=["new", "not ready yet", "being made", "well after a crash", "scheduled"],
)
def test_a_pod_that_may_become_ready_has_no_fault(found: Found) -> None:
    assert of_pod(found) is None


def test_what_a_pod_does_when_told_to_end_is_no_fault() -> None:
    ending = pod(terminated(0, "Completed"))
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T09:35:18Z"
    assert of_pod(ending) is None


def test_of_several_pods_the_surest_fault_counts() -> None:
    no_room = pod(conditions=[condition("PodScheduled", "False", "Unschedulable", NO_ROOM)])
    fault = of_pods([no_room, pod(terminated(1, message=TRACEBACK))])
    assert fault is not None
    assert fault.text == NO_MODULE


def test_a_container_beside_the_skill_is_named() -> None:
    proxy = {"name": "queue-proxy", "ready": False, "state": terminated(1, message="bad config")}
    found = pod(containerStatuses=[proxy])
    assert of_pod(found) == Fault(
        "queue-proxy crashed with exit status 1: bad config", error=SkillCrashed
    )


@pytest.mark.parametrize(
    ("found", "text", "error"),
    [
        (
            condition("ReplicaFailure", "True", "FailedCreate", QUOTA),
            "quota exceeded: tenant, requested: requests.memory=921664Mi, "
            "used: requests.memory=4416Mi, limited: requests.memory=64Gi",
            ResourceExhausted,
        ),
        (
            condition(
                "ReplicaFailure", "True", "FailedCreate", 'violates PodSecurity "restricted"'
            ),
            'its pods are refused: violates PodSecurity "restricted"',
            Unavailable,
        ),
        (
            condition(
                "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "a" has timed out'
            ),
            'not ready in time: ReplicaSet "a" has timed out',
            DeadlineExceeded,
        ),
    ],
)
def test_a_deployment_says_why_it_has_no_pod(
    found: Found, text: str, error: type[CatnapError]
) -> None:
    fault = of_deployment({"status": {"conditions": [found]}})
    assert fault is not None
    assert (fault.text, fault.error) == (text, error)


def test_a_deployment_on_its_way_has_no_fault() -> None:
    under_way = condition("Progressing", "True", "ReplicaSetUpdated")
    assert of_deployment({"status": {"conditions": [under_way]}}) is None
    assert of_deployment({}) is None


@pytest.mark.parametrize(
    ("ready", "text"),
    [
        (
            condition(
                "Ready",
                "False",
                "ContainerMissing",
                'Unable to fetch image "registry.example.com/x:1": failed to resolve image to '
                'digest: Get "https://registry.example.com/v2/": no such host',
            ),
            "image registry.example.com/x:1 is not to be had: "
            'Get "https://registry.example.com/v2/": no such host',
        ),
        (
            condition("Ready", "False", "Unschedulable", NO_ROOM),
            "no node takes it: 0/1 nodes are available: 1 Insufficient cpu",
        ),
        (condition("Ready", "False", "ExitCode1", "it said"), "ExitCode1: it said"),
    ],
)
def test_a_revision_that_knative_gave_up_says_why(ready: Found, text: str) -> None:
    containers = [{"image": "registry.example.com/x:1"}]
    fault = of_revision({"spec": {"containers": containers}, "status": {"conditions": [ready]}})
    assert fault is not None
    assert fault.text == text


def test_a_revision_that_knative_still_waits_for_has_no_fault() -> None:
    under_way = condition("Ready", "Unknown", "Deploying")
    assert of_revision({"status": {"conditions": [under_way]}}) is None


def claim(storage_class: str | None = None, phase: str = "Pending") -> Found:
    spec = {} if storage_class is None else {"storageClassName": storage_class}
    return {"metadata": {"name": "state"}, "spec": spec, "status": {"phase": phase}}


LATE = {
    "slow": {"volumeBindingMode": "Immediate"},
    "late": {"volumeBindingMode": "WaitForFirstConsumer"},
}


@pytest.mark.parametrize(
    ("found", "classes", "says"),
    [
        (claim(), {}, "no storage class; name one with --storage-class"),
        (claim("fast"), LATE, "no storage class 'fast', there is: late, slow"),
        (claim(""), LATE, "no PersistentVolume fits"),
        (claim("slow"), LATE, "storage class 'slow' has not made it"),
    ],
)
def test_a_volume_says_why_it_is_unbound(found: Found, classes: Found, says: str) -> None:
    fault = of_claim(found, classes)
    assert fault is not None
    assert fault.text.startswith("volume state is unbound: ")
    assert says in fault.text


@pytest.mark.parametrize("found", [claim("late"), claim(phase="Bound")])
def test_a_volume_that_waits_for_its_pod_has_no_fault(found: Found) -> None:
    assert of_claim(found, LATE) is None


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("", ""),
        ("one\n  \ntwo  \n\n", "two"),
        ('{"time":"t","stream":"stderr","task":"","text":"no database"}\n', "no database"),
        ("[1, 2]", "[1, 2]"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_the_last_line_of_a_log_is_what_is_told(log: str, text: str) -> None:
    assert last_line(log) == text
