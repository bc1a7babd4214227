"""Grants: what a skill holds to call back, for one task and a short time.

    cg1.<payload>.<HMAC-SHA256 of `cg1.<payload>`>

Both parts are base64url without padding; the payload is a msgpack array of
the Grant's fields. The signature is compared as text, since base64 has more
than one spelling of the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import msgspec

from catnap.access import keyfile
from catnap.access.principal import Principal
from catnap.errors import InvalidRequest, Unauthenticated

VERSION = "cg1"
MIN_SECRET_BYTES = 32
_LONGEST = 16 * 1024
_SIGNATURE_LENGTH = 43


class Grant(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """For whom and for what a skill may call back.

    `models`, `egress` and `packages` are what its manifest allows; `depth`
    counts calls from call to call. `expires` and `deadline` are seconds since the epoch.
    `roles` are those of the task's caller. `attempt` is the one of the task's
    deliveries that it came with; empty where there is only one. `gateway` is
    where the one that made the call takes callbacks, host:port; empty where
    there is only one.
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
        if len(secret) < MIN_SECRET_BYTES:
            raise InvalidRequest(f"the grants' secret needs at least {MIN_SECRET_BYTES} bytes")
        self._mac = hmac.new(secret, digestmod=hashlib.sha256)
        self._decoder = msgspec.msgpack.Decoder(Grant)

    def issue(self, grant: Grant) -> str:
        signed = f"{VERSION}.{_text(msgspec.msgpack.encode(grant))}"
        return f"{signed}.{self._signature(signed.encode())}"

    def verify(self, token: str, now: float) -> Grant:
        """What the token grants. now: seconds since the epoch.

        Raises Unauthenticated, which says whether it is no grant, one with a
        wrong signature, or one that has expired.
        """
        raw = token.encode("ascii", "replace")
        signed, _, signature = raw.rpartition(b".")
        version, _, payload = signed.partition(b".")
        if (
            len(raw) > _LONGEST
            or version != VERSION.encode()
            or not payload
            or len(signature) != _SIGNATURE_LENGTH
        ):
            raise Unauthenticated(
                "this is no grant: a skill sends the one that came with its call, as "
                "`Authorization: Bearer <grant>`"
            )
        if not hmac.compare_digest(self._signature(signed).encode(), signature):
            raise Unauthenticated(
                "the grant's signature is wrong: it was changed, or another platform issued it"
            )
        try:
            grant = self._decoder.decode(_bytes(payload))
        except (msgspec.DecodeError, ValueError):
            raise Unauthenticated(
                "the grant is of another version of the platform: call the skill again"
            ) from None
        if now >= grant.expires:
            raise Unauthenticated(
                f"the grant of task {grant.task!r} has expired: it ends with its call"
            )
        return grant

    def _signature(self, signed: bytes) -> str:
        mac = self._mac.copy()
        mac.update(signed)
        return _text(mac.digest())


def grant_secret(home: Path) -> bytes:
    """The secret in `grant.key` of the state folder, made on first use.

    Raises InvalidRequest, naming the file, where others can read it.
    """
    return keyfile.kept(home / "grant.key", keyfile.random_text).encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
