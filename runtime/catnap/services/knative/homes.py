"""Which pod a session was at last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catnap.services.knative.pods import Pod

MAX_SESSIONS = 10_000

Session = tuple[str, str, str]
"""Namespace, service, and the session's name there."""


class Homes:
    """Of too many sessions, the one that was quiet longest is forgotten."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._most = most
        self._pods: OrderedDict[Session, Pod] = OrderedDict()

    def get(self, session: Session) -> Pod | None:
        """The pod, while it takes calls."""
        pod = self._pods.get(session)
        return pod if pod is not None and pod.listed else None

    def settle(self, session: Session, pod: Pod) -> None:
        self._pods[session] = pod
        self._pods.move_to_end(session)
        if len(self._pods) > self._most:
            self._pods.popitem(last=False)
