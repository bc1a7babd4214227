from __future__ import annotations

import pytest

from catnap.services.knative.ready import Standing, Verdicts, of_skill, of_workload
from catnap.services.knative.reasons import Fault
from tests.services.knative.statuses import TRACEBACK, Found, condition, pod, terminated

INGRESS = "kourier.ingress.networking.knative.dev"


def service(*conditions: Found, generation: int = 2, observed: int = 2, last: str = "") -> Found:
    status = {
        "observedGeneration": observed,
        "latestCreatedRevisionName": "echo-00002",
        "latestReadyRevisionName": last,
        "conditions": list(conditions),
    }
    return {"metadata": {"name": "echo", "generation": generation}, "status": status}


def standing(found: Found | None, *pods: Found) -> Standing:
    return of_skill(found, None, None, pods, ingress=INGRESS)


UNDER_WAY = (condition("ConfigurationsReady", "Unknown"), condition("Ready", "Unknown"))
CRASHED = pod(terminated(1, message=TRACEBACK))


def test_a_skill_is_ready_when_knative_says_so_of_what_was_applied() -> None:
    found = standing(service(condition("Ready", "True"), last="echo-00002"))
    assert (found.state, found.revision) == ("ready", "echo-00002")


@pytest.mark.parametrize(
    "found",
    [
        None,
        service(condition("Ready", "True"), observed=1, last="echo-00001"),
        service(condition("ConfigurationsReady", "Unknown", "OutOfDate"), last="echo-00001"),
    ],
    ids=["not there", "not seen", "seen, and no revision made of it"],
)
def test_what_knative_has_not_taken_up_has_no_fault_of_an_older_revision(
    found: Found | None,
) -> None:
    assert standing(found, CRASHED) == Standing("waiting", standing(found).text)


def test_a_skill_without_an_instance_says_what_its_pods_say() -> None:
    found = standing(service(*UNDER_WAY, last="echo-00001"), CRASHED)
    assert (found.text, found.serving) == ("its first instance", "echo-00001")
    assert found.fault is not None
    assert "nomodule" in found.fault.text


@pytest.mark.parametrize(
    ("pods", "text"),
    [
        ([], "its first instance"),
        ([pod()], "its first instance"),
        ([pod({"running": {}})], "its first instance to answer"),
    ],
    ids=["no pod", "not started", "started"],
)
def test_a_skill_that_runs_and_says_nothing_is_told_from_one_that_does_not_run(
    pods: list[Found], text: str
) -> None:
    assert standing(service(*UNDER_WAY), *pods).text == text


def test_a_first_revision_that_fails_leaves_none_that_serves() -> None:
    assert standing(service(*UNDER_WAY), CRASHED).serving == ""


def test_a_skill_that_no_ingress_serves_names_the_class() -> None:
    waits = condition("RoutesReady", "Unknown", "IngressNotConfigured", "not yet reconciled")
    made = condition("ConfigurationsReady", "True")
    found = standing(service(made, waits, condition("Ready", "Unknown"), last="echo-00002"))
    assert found.text == "its address"
    assert found.fault is not None
    assert INGRESS in found.fault.text
    assert "not yet reconciled" in found.fault.text


TEMPLATE = {"metadata": {"labels": {"app": "gateway"}}, "spec": {"containers": []}}


def deployment(**counts: int) -> Found:
    status = {"observedGeneration": 1, **counts}
    spec = {"replicas": 1, "template": TEMPLATE}
    return {"metadata": {"generation": 1}, "spec": spec, "status": status}


def replica_set(name: str, template: Found = TEMPLATE) -> Found:
    labels = {**template["metadata"]["labels"], "pod-template-hash": name}
    made = {**template, "metadata": {"labels": labels}}
    return {"metadata": {"name": name}, "spec": {"template": made}}


def owned(found: Found, by: str) -> Found:
    return {**found, "metadata": {"name": "p", "ownerReferences": [{"name": by}]}}


OLD = replica_set("old", {"metadata": {"labels": {"app": "gateway"}}, "spec": {"other": 1}})


def test_a_deployment_is_ready_when_all_its_pods_are_new_and_answer() -> None:
    found = deployment(replicas=1, updatedReplicas=1, availableReplicas=1)
    sets = [OLD, replica_set("new")]
    assert of_workload(found, sets, [], [], {}) == Standing("ready", revision="new")


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
        {"replicas": 1, "updatedReplicas": 1},
    ],
    ids=["no pods", "an old one left", "not available"],
)
def test_a_deployment_is_waited_for_until_then(counts: dict[str, int]) -> None:
    assert of_workload(deployment(**counts), [], [], [], {}).state == "waiting"


def test_only_pods_of_the_newest_template_count() -> None:
    sets, pods = [OLD, replica_set("new")], [owned(CRASHED, "old")]
    assert of_workload(deployment(), sets, pods, [], {}).fault is None
    assert of_workload(deployment(), sets, [owned(CRASHED, "new")], [], {}).fault is not None


def test_before_there_are_pods_of_the_newest_template_no_pod_counts() -> None:
    assert of_workload(deployment(), [OLD], [owned(CRASHED, "old")], [], {}).fault is None


def test_an_unbound_volume_is_told_before_the_pod_that_waits_for_it() -> None:
    claim = {"metadata": {"name": "state"}, "spec": {}, "status": {"phase": "Pending"}}
    found = of_workload(deployment(), [replica_set("new")], [], [claim], {})
    assert found.fault is not None
    assert "volume state" in found.fault.text


def waits(text: str, after: float) -> Standing:
    return Standing("waiting", "its pod", Fault(text, after))


def test_a_fault_becomes_a_failure_once_it_has_lasted() -> None:
    verdicts = Verdicts()
    assert verdicts.take("echo", waits("no room", 30), 0).state == "waiting"
    assert verdicts.take("echo", waits("no room", 30), 29).state == "waiting"
    failed = verdicts.take("echo", waits("no room", 30), 30)
    assert (failed.state, failed.text) == ("failed", "no room")


def test_a_sure_fault_is_a_failure_at_once() -> None:
    assert Verdicts().take("echo", waits("crashed", 0), 0).state == "failed"


def test_a_fault_that_passed_begins_anew() -> None:
    verdicts = Verdicts()
    verdicts.take("echo", waits("no room", 30), 0)
    verdicts.take("echo", Standing("waiting", "its pod"), 20)
    assert verdicts.take("echo", waits("no room", 30), 40).state == "waiting"
    assert verdicts.take("echo", waits("no room", 30), 70).state == "failed"


def test_each_subject_has_its_own_clock() -> None:
    verdicts = Verdicts()
    verdicts.take("echo", waits("no room", 30), 0)
    assert verdicts.take("other", waits("no room", 30), 30).state == "waiting"
