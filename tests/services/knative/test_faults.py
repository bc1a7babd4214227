"""What pods say of starts that fail and of processes that ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from catnap.services.knative.faults import end, start

CALL = 1000.5
"""When the call came, in seconds since the epoch."""


def ended(began: float, over: float, code: int = 3) -> dict[str, Any]:
    """A process that wrote a secret last."""

    def moment(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    said = {"exitCode": code, "reason": "Error", "message": "a secret"}
    return {"terminated": {**said, "startedAt": moment(began), "finishedAt": moment(over)}}


def pod(name: str = "a", *, ready: bool = False, leaves: bool = False, **container: Any) -> Any:
    status = {"name": "user-container", "ready": ready, "image": "i", **container}
    proxy = {"name": "queue-proxy", "ready": False, "image": "q", "state": {"running": {}}}
    meta = {"name": name, **({"deletionTimestamp": "2026-11-21T09:00:00Z"} if leaves else {})}
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "user-container", "image": "i"}]},
        "status": {"containerStatuses": [proxy, status]},
    }


def test_a_process_that_began_for_a_call_and_ended_is_why_it_cannot_start() -> None:
    fault = start([pod(state={"running": {}}, lastState=ended(1001, 1002))], CALL)
    assert fault
    assert "exit status 3: a secret" in fault.text


def test_a_process_that_others_had_and_that_is_started_again_is_waited_for() -> None:
    assert start([pod(state={"running": {}}, lastState=ended(900, 999))], CALL) is None
    assert start([pod(state=ended(900, 1001))], CALL) is None


def test_one_that_is_kept_from_starting_again_is_not_and_its_words_stay_its_own() -> None:
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
    fault = start([pod(state=waits, lastState=ended(900, 999))], CALL)
    assert fault
    assert "exit status 3" in fault.text
    assert "secret" not in fault.text


def test_a_pod_that_leaves_keeps_nobody_from_starting() -> None:
    assert start([pod(leaves=True, lastState=ended(1001, 1002))], CALL) is None


def test_how_a_process_ended_is_told_without_what_it_wrote() -> None:
    back = pod(ready=True, state={"running": {}}, lastState=ended(900, 1001))
    assert end([back], "a", CALL) == "crashed with exit status 3"
    assert end([back], "", CALL) == "crashed with exit status 3"
    assert end([back], "b", CALL) == ""


def test_an_end_of_before_the_call_does_not_explain_it() -> None:
    assert end([pod(ready=True, lastState=ended(900, 999))], "a", CALL) == ""
    assert end([pod(ready=True, state={"running": {}})], "a", CALL) == ""
