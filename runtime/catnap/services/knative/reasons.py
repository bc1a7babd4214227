"""Why something is not ready, in one line for whoever deploys. Pure.

Read from the status of pods and of what makes them, since the conditions of a
Knative Service stay silent for minutes about most of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)

_SOON = 10.0
"""Seconds that a fault is given which often passes by itself."""
_SCALING = 120.0
"""Seconds for room on a node: an autoscaler may add one, or an older pod end."""
_LONGEST = 300
"""Characters of what others said."""


@dataclass(frozen=True, slots=True)
class Fault:
    """text: what is wrong. after: seconds that it has to last to be taken for
    final; 0 where no wait helps. error: what a deploy then fails with."""

    text: str
    after: float = 0.0
    error: type[CatnapError] = Unavailable


def of_pods(pods: Iterable[Mapping[str, Any]]) -> Fault | None:
    """The surest fault of a revision's pods."""
    faults = [fault for pod in pods if (fault := of_pod(pod))]
    return min(faults, key=lambda each: each.after, default=None)


def of_pod(pod: Mapping[str, Any]) -> Fault | None:
    if "deletionTimestamp" in pod["metadata"]:
        return None  # it ends because it was told to
    status = pod.get("status", {})
    images = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
    for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        # Ours first: the proxy beside it fails where the skill does.
        if fault := _of_container(each, images.get(each["name"], each.get("image", ""))):
            return fault
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable":
        return _unschedulable(scheduled.get("message", ""))
    if status.get("phase") == "Failed":
        return Fault(_words(status.get("reason", "failed"), status.get("message", "")))
    return None


def of_deployment(deployment: Mapping[str, Any]) -> Fault | None:
    """Why no pod is made, or that it took too long."""
    status = deployment.get("status", {})
    failure = condition(status, "ReplicaFailure")
    if failure.get("status") == "True":
        message = failure.get("message", "")
        quota = re.search(r"exceeded quota: (.*)", message)
        if quota:
            return Fault(f"quota exceeded: {_words(quota[1])}", _SOON, ResourceExhausted)
        return Fault(f"its pods are refused: {_words(message)}", _SOON)
    progressing = condition(status, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        said = _words(progressing.get("message", ""))
        return Fault(f"not ready in time: {said}", error=DeadlineExceeded)
    return None


def of_revision(revision: Mapping[str, Any]) -> Fault | None:
    """What Knative itself says of a revision that is not ready."""
    ready = condition(revision.get("status", {}), "Ready")
    if ready.get("status") != "False":
        return None
    reason, message = ready.get("reason", ""), ready.get("message", "")
    if reason == "Unschedulable":
        return _unschedulable(message)
    if reason == "ContainerMissing":
        images = ", ".join(each["image"] for each in revision["spec"]["containers"])
        return Fault(f"image {images} is not to be had: {_pull(message)}", _SOON)
    return Fault(_words(reason, message), _SOON)


def of_claim(claim: Mapping[str, Any], classes: Mapping[str, Mapping[str, Any]]) -> Fault | None:
    """Of a PersistentVolumeClaim. classes: the cluster's StorageClasses."""
    if claim.get("status", {}).get("phase") != "Pending":
        return None
    name, wanted = claim["metadata"]["name"], claim["spec"].get("storageClassName")
    if wanted is None and not classes:
        return Fault(
            f"volume {name} is unbound: the cluster has no storage class; "
            "name one with --storage-class, or make a PersistentVolume for it",
            _SOON,
        )
    if wanted and wanted not in classes:
        known = ", ".join(sorted(classes)) or "none"
        return Fault(f"volume {name} is unbound: no storage class {wanted!r}, there is: {known}")
    if not wanted:
        return Fault(f"volume {name} is unbound: no PersistentVolume fits it", _SOON)
    if classes[wanted].get("volumeBindingMode") == "WaitForFirstConsumer":
        return None  # then it is the pod that says why
    return Fault(f"volume {name} is unbound: storage class {wanted!r} has not made it", _SCALING)


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One condition, or an empty one."""
    found: Iterable[Mapping[str, Any]] = status.get("conditions") or ()
    return next((each for each in found if each["type"] == kind), {})


def _of_container(status: Mapping[str, Any], image: str) -> Fault | None:
    # What a skill runs in is called so by Knative; only others need their name.
    name = "" if status["name"] == "user-container" else f"{status['name']} "
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    reason = waiting.get("reason", "")
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        after = _SOON if reason == "ErrImagePull" else 0.0
        said = _pull(waiting.get("message", ""))
        return Fault(f"image {image} cannot be pulled: {said}", after)
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        return Fault(f"image {image}: {_words(waiting.get('message', reason))}")
    if reason in ("CreateContainerConfigError", "CreateContainerError"):
        # As where a Secret is missing that is made a moment later.
        return Fault(f"{name}cannot be started: {_words(waiting.get('message', ''))}", _SOON)
    if ended and not status.get("ready"):
        return _ended(name, ended)
    return None


def _ended(name: str, ended: Mapping[str, Any]) -> Fault:
    code, reason = ended.get("exitCode"), ended.get("reason", "")
    said = last_line(ended.get("message", ""))
    if reason == "OOMKilled":
        return Fault(f"{name}killed: it took more than its memory limit", error=SkillCrashed)
    if reason in ("StartError", "ContainerCannotRun"):
        why = ended.get("message", "").rpartition("unable to start container process: ")[2]
        return Fault(f"{name}cannot be started: {_words(why)}", error=SkillCrashed)
    if code == 0:
        return Fault(f"{name}ended by itself, with exit status 0{_after(said)}", error=SkillCrashed)
    return Fault(f"{name}crashed with exit status {code}{_after(said)}", error=SkillCrashed)


def _after(said: str) -> str:
    return f": {said}" if said else ""


def last_line(log: str) -> str:
    """What a container said last; the text of a record where it logs JSON."""
    lines = [line for line in log.splitlines() if line.strip()]
    if not lines:
        return ""
    try:
        record = msgspec.json.decode(lines[-1])
        text = record.get("text") or record.get("message") or lines[-1]
    except (msgspec.DecodeError, AttributeError):
        text = lines[-1]
    return _words(str(text))


def _unschedulable(message: str) -> Fault:
    # The scheduler's word on every node; what it says of preemption helps nobody.
    text = re.split(r"\s*(?:no new claims to deallocate|preemption:)", message)[0]
    return Fault(f"no node takes it: {_words(text).rstrip(',. ')}", _SCALING)


_RELAYED = re.compile(
    r"""\s*(?:
        Back-off\spulling\simage\s"[^"]*"
      | ErrImagePull
      | Unable\sto\sfetch\simage\s"[^"]*"
      | rpc\serror:\scode\s=\s\w+\sdesc\s=
      | failed\sto\spull\s(?:and\sunpack\s)?image\s"[^"]*"
      | failed\sto\sresolve\s(?:reference\s"[^"]*"|image(?:\sto\sdigest)?)
      | failed\sto\sdo\srequest
    ):?\s*""",
    re.VERBOSE,
)


def _pull(message: str) -> str:
    """What the registry said, without who passed it on."""
    rest = message
    while match := _RELAYED.match(rest):
        rest = rest[match.end() :]
    return _words(rest or message)


def _words(*parts: str) -> str:
    text = ": ".join(filter(None, (" ".join(part.split()) for part in parts)))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
