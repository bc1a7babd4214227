"""Leases: what a host holds to keep a session's folder, when no call is at work."""

from __future__ import annotations

import msgspec

from catnap.access.signed import Signed

VERSION = "cw1"


class Lease(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """The right to one workspace, for one epoch: to read its objects, to store
    such as are named by the epoch, and to move its head. It lasts as long as the
    epoch is the workspace's own, which the store knows."""

    tenant: str
    user: str
    skill: str
    session: str
    epoch: int


def leases(secret: bytes) -> Signed[Lease]:
    return Signed(
        *(VERSION, Lease, secret, "lease"),
        "a host sends the one that it was given with the session's folder, as "
        "`Authorization: Bearer <lease>`",
    )
