"""Whether what was deployed is ready, what it waits for, or why it never will. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from catnap.services.knative.kingress import CLASS
from catnap.services.knative.reasons import (
    Fault,
    condition,
    of_claim,
    of_deployment,
    of_pods,
    of_revision,
)

REVISION = "serving.knative.dev/revision"

Found = Mapping[str, Any]

ADDRESS = "its address"
"""What a skill waits for once an instance of it has answered."""

_INGRESS = 30.0
"""Seconds that an ingress is given to serve a new host."""


@dataclass(frozen=True, slots=True)
class Standing:
    """text: what is waited for, or what is wrong. fault: why waiting may be of
    no use. revision: the newest. serving: the one that serves meanwhile."""

    state: Literal["ready", "waiting", "failed"]
    text: str = ""
    fault: Fault | None = None
    revision: str = ""
    serving: str = ""


def of_skill(
    service: Found | None,
    revision: Found | None,
    deployment: Found | None,
    pods: Iterable[Found],
    *,
    ingress: str,
) -> Standing:
    """Of a Knative Service. revision, deployment, pods: of the newest revision,
    see `newest`. ingress: the class of the cluster's ingress."""
    if service is None:
        return Standing("waiting", "the cluster to have it")
    status = service.get("status") or {}
    behind = status.get("observedGeneration") != service["metadata"]["generation"]
    # Until then what it says of its newest revision is about the one before.
    made = condition(status, "ConfigurationsReady").get("reason") != "OutOfDate"
    if behind or not made:
        return Standing("waiting", "Knative to take it up")
    name, last = newest(service), status.get("latestReadyRevisionName", "")
    if condition(status, "Ready").get("status") == "True":
        return Standing("ready", revision=name, serving=last)
    serving = last if last != name else ""
    if condition(status, "ConfigurationsReady").get("status") == "True":
        routes = condition(status, "RoutesReady")
        said = routes.get("message") or routes.get("reason") or "no reason given"
        unserved = Fault(
            f"no ingress serves it (class {ingress}): {said}{_remedy(ingress)}", _INGRESS
        )
        return Standing("waiting", ADDRESS, unserved, name, serving)
    pods = tuple(pods)
    fault = of_pods(pods) or of_deployment(deployment or {}) or of_revision(revision or {})
    waits = "its first instance to answer" if any(map(_runs, pods)) else "its first instance"
    return Standing("waiting", waits, fault, name, serving)


def _remedy(ingress: str) -> str:
    """Knative names Istio's class where nobody has said which."""
    if ingress == CLASS:
        return ""
    return (
        "; install that ingress, or let the gateway be it: kubectl patch configmap/config-network "
        f'-n knative-serving --type merge -p \'{{"data":{{"ingress-class":"{CLASS}"}}}}\''
    )


def _runs(pod: Found) -> bool:
    """Whether the skill itself has been started; its proxy answers for it."""
    containers = pod.get("status", {}).get("containerStatuses", ())
    found = (each for each in containers if each["name"] == "user-container")
    return any("running" in (each.get("state") or {}) for each in found)


def newest(service: Found | None) -> str:
    """The revision that a Service made last."""
    name: str = ((service or {}).get("status") or {}).get("latestCreatedRevisionName", "")
    return name


def of_workload(
    deployment: Found | None,
    replica_sets: Iterable[Found],
    pods: Iterable[Found],
    claims: Iterable[Found],
    classes: Mapping[str, Found],
) -> Standing:
    """Of a Deployment. replica_sets, pods: of its namespace. claims: what it
    may need. classes: the cluster's StorageClasses, by name."""
    if deployment is None:
        return Standing("waiting", "the cluster to have it")
    status, spec = deployment.get("status") or {}, deployment["spec"]
    if status.get("observedGeneration") != deployment["metadata"]["generation"]:
        return Standing("waiting", "the cluster to take it up")
    wanted = spec.get("replicas", 1)
    counts = (status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    name = _made_by(deployment, replica_sets)
    if all(count == wanted for count in counts):
        return Standing("ready", revision=name)
    faults = (
        next(filter(None, (of_claim(each, classes) for each in claims)), None),
        of_pods(each for each in pods if _owned(each, name)),
        of_deployment(deployment),
    )
    serving = "the one before" if status.get("availableReplicas") else ""
    return Standing("waiting", "its pod", next(filter(None, faults), None), name, serving)


_HASH = "pod-template-hash"


def _made_by(deployment: Found, replica_sets: Iterable[Found]) -> str:
    """The ReplicaSet of the newest template, as the deployment controller finds
    it. Before it is made, the pods there are, and their faults, are older."""
    template = deployment["spec"]["template"]
    for each in replica_sets:
        meta = each["spec"]["template"]["metadata"]
        labels = {name: value for name, value in meta["labels"].items() if name != _HASH}
        if {**each["spec"]["template"], "metadata": {**meta, "labels": labels}} == template:
            name: str = each["metadata"]["name"]
            return name
    return ""


def _owned(pod: Found, replica_set: str) -> bool:
    owners = pod["metadata"].get("ownerReferences", ())
    return bool(replica_set) and any(each["name"] == replica_set for each in owners)


class Verdicts:
    """Turns a fault that has lasted long enough into a failure."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def take(self, subject: str, standing: Standing, now: float) -> Standing:
        """now: seconds of any clock that only goes forward."""
        fault = standing.fault
        if standing.state != "waiting" or fault is None:
            self._since.pop(subject, None)
            return standing
        # Two faults in turn, as a pull that fails and is put off, are one
        # trouble: the clock goes on, and the newer word counts.
        if now - self._since.setdefault(subject, now) < fault.after:
            return standing
        return replace(standing, state="failed", text=fault.text)
