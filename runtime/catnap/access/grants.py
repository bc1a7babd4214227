"""Grants: what a skill holds to call back, for one task and a short time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from catnap.access import keyfile
from catnap.access.principal import Principal
from catnap.access.signed import Signed
from catnap.errors import Unauthenticated

VERSION = "cg1"


class Grant(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """For whom and for what a skill may call back.

    `models`, `egress` and `packages` are what its manifest allows; `depth`
    counts calls from call to call. `expires` and `deadline` are seconds since the epoch.
    `roles` are those of the task's caller. `attempt` is the one of the task's
    deliveries that it came with; empty where there is only one. `gateway` is
    where the one that made the call takes callbacks, host:port; empty where
    there is only one. `workspace` says that its session has a folder, which
    its instance keeps.
    """

    tenant: str
    user: str
    session: str = ""
    task: str = ""
    skill: str = ""
    models: tuple[str, ...] = ()
    depth: int = 0
    expires: float
    deadline: float | None = None
    traceparent: str = ""
    roles: tuple[str, ...] = ("caller",)
    egress: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    attempt: str = ""
    gateway: str = ""
    workspace: bool = False

    def principal(self) -> Principal:
        """Whom a skill calls back as: its caller, for the same user alone."""
        return Principal(
            self.tenant, self.user, frozenset(self.roles), f"the grant of task {self.task}"
        )


class Grants:
    """Issues and verifies them. Whoever has the secret can do both.

    Raises InvalidRequest for a secret of less than 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._signed = Signed(
            *(VERSION, Grant, secret, "grant"),
            "a skill sends the one that came with its call, as `Authorization: Bearer <grant>`",
        )

    def issue(self, grant: Grant) -> str:
        return self._signed.issue(grant)

    def verify(self, token: str, now: float) -> Grant:
        """What the token grants. now: seconds since the epoch.

        Raises Unauthenticated, which says whether it is no grant, one with a
        wrong signature, or one that has expired.
        """
        grant = self._signed.read(token)
        if now >= grant.expires:
            raise Unauthenticated(
                f"the grant of task {grant.task!r} has expired: it ends with its call"
            )
        return grant


def grant_secret(home: Path) -> bytes:
    """The secret in `grant.key` of the state folder, made on first use.

    Raises InvalidRequest, naming the file, where others can read it.
    """
    return keyfile.kept(home / "grant.key", keyfile.random_text).encode()
