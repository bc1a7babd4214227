from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.errors import DeadlineExceeded, NotFound
from catnap.services.knative import undeploy
from tests.services.knative.toycluster import Object, ToyCluster, running

OURS = {"catnap.dev/install": "catnap"}
OTHERS = {"catnap.dev/install": "other"}
SERVING = "/apis/serving.knative.dev/v1/namespaces/catnap-default/services"
EVENTING = "/apis/eventing.knative.dev/v1/namespaces/catnap-default/triggers"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ToyCluster]:
    with running(tmp_path) as found:
        for path, labels in (
            ("/api/v1/namespaces/catnap", OURS),
            ("/api/v1/namespaces/catnap-default", OURS),
            ("/api/v1/namespaces/other", OTHERS),
            ("/api/v1/namespaces/somebody", {}),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/catnap:gateway", OURS),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/view", {}),
            (f"{SERVING}/echo", OURS),
            (f"{SERVING}/echo-2", OURS),
            (f"{SERVING}/mine", {}),
            (f"{EVENTING}/echo.files", OURS),
            (f"{EVENTING}/echo-2.files", OURS),
        ):
            found.put(path, labelled(labels))
        yield found


def labelled(labels: dict[str, str]) -> Object:
    return {"metadata": {"labels": dict(labels)}}


async def test_a_skill_goes_with_its_triggers_and_nothing_else_does(cluster: ToyCluster) -> None:
    targets = await undeploy.skills(cluster.api(), "catnap", ["default"], ["echo"])
    await undeploy.remove(cluster.api(), targets)
    assert cluster.written == ["DELETE services echo", "DELETE triggers echo.files"]


@pytest.mark.parametrize("name", ["nothing", "mine"])
async def test_a_skill_that_is_not_ours_or_not_there_is_named(
    cluster: ToyCluster, name: str
) -> None:
    with pytest.raises(NotFound, match=name):
        await undeploy.skills(cluster.api(), "catnap", ["default"], ["echo", name])


async def test_a_whole_installation_goes_and_only_it_and_its_gateway_last(
    cluster: ToyCluster,
) -> None:
    await undeploy.remove(cluster.api(), await undeploy.whole(cluster.api(), "catnap"))
    assert cluster.written == [
        "DELETE namespaces catnap-default",
        "DELETE clusterroles catnap:gateway",
        "DELETE namespaces catnap",
    ]
    await undeploy.gone(cluster.api(), "catnap", timeout=10)


async def test_what_it_may_do_in_the_namespaces_of_models_goes_too(cluster: ToyCluster) -> None:
    for kind in ("roles", "rolebindings"):
        for name, labels in (("catnap-wakes-models", OURS), ("other-wakes-models", OTHERS)):
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/gpu/{kind}/{name}"
            cluster.put(path, labelled(labels))
        inside = f"/apis/rbac.authorization.k8s.io/v1/namespaces/catnap/{kind}/gateway"
        cluster.put(inside, labelled(OURS))  # goes with its namespace
    await undeploy.remove(cluster.api(), await undeploy.whole(cluster.api(), "catnap"))
    assert [each for each in cluster.written if "role" in each] == [
        "DELETE clusterroles catnap:gateway",
        "DELETE rolebindings catnap-wakes-models",
        "DELETE roles catnap-wakes-models",
    ]


async def test_an_installation_that_is_not_there_is_said_so(cluster: ToyCluster) -> None:
    with pytest.raises(NotFound, match="no installation 'nowhere'"):
        await undeploy.whole(cluster.api(), "nowhere")


async def test_what_is_gone_meanwhile_is_no_error(cluster: ToyCluster) -> None:
    targets = await undeploy.whole(cluster.api(), "catnap")
    await undeploy.remove(cluster.api(), targets)
    await undeploy.remove(cluster.api(), targets)


async def test_namespaces_that_stay_are_named(cluster: ToyCluster) -> None:
    with pytest.raises(DeadlineExceeded, match="catnap, catnap-default"):
        await undeploy.gone(cluster.api(), "catnap", timeout=0.1)


async def test_every_pod_is_ended_before_the_namespaces_go(cluster: ToyCluster) -> None:
    cluster.put("/apis/apps/v1/namespaces/catnap/deployments/catnap-gateway", labelled(OURS))
    # Knative's own, which its Service takes along.
    cluster.put("/apis/apps/v1/namespaces/catnap-default/deployments/echo-00001", labelled(OURS))
    cluster.put("/api/v1/namespaces/other/pods/busy", labelled(OTHERS))
    await undeploy.stop(cluster.api(), "catnap", timeout=10)
    assert cluster.written == [
        "DELETE services echo",
        "DELETE services echo-2",
        "DELETE deployments catnap-gateway",
    ]


@pytest.mark.parametrize("namespace", ["catnap", "catnap-default"])
async def test_a_pod_that_is_still_at_work_is_named(cluster: ToyCluster, namespace: str) -> None:
    labels = OURS if namespace != "catnap" else {}
    cluster.put(f"/api/v1/namespaces/{namespace}/pods/busy", labelled(labels))
    with pytest.raises(DeadlineExceeded, match="busy"):
        await undeploy.stop(cluster.api(), "catnap", timeout=0.1)
