"""Tokens that only this installation can have made.

    <version>.<payload>.<HMAC-SHA256 of `<version>.<payload>`>

Both parts are base64url without padding; the payload is a msgpack array of the
token's fields. The signature is compared as text, since base64 has more than
one spelling of the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Generic, TypeVar

import msgspec

from catnap.errors import InvalidRequest, Unauthenticated

MIN_SECRET_BYTES = 32
_LONGEST = 16 * 1024
_SIGNATURE_LENGTH = 43

T = TypeVar("T", bound=msgspec.Struct)


class Signed(Generic[T]):
    """Makes and reads those of one kind. Whoever has the secret can do both.

    version: of the kind, so that no token of one is taken for another's. said:
    what it is, for errors. hint: how one is come by. Raises InvalidRequest for
    a secret of less than 32 bytes.
    """

    def __init__(self, version: str, kind: type[T], secret: bytes, said: str, hint: str) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise InvalidRequest(f"the {said}s' secret needs at least {MIN_SECRET_BYTES} bytes")
        self._version = version
        self._said, self._hint = said, hint
        self._mac = hmac.new(secret, digestmod=hashlib.sha256)
        self._decoder = msgspec.msgpack.Decoder(kind)

    def issue(self, value: T) -> str:
        signed = f"{self._version}.{_text(msgspec.msgpack.encode(value))}"
        return f"{signed}.{self._signature(signed.encode())}"

    def read(self, token: str) -> T:
        """What it says. Raises Unauthenticated, which tells whether it is none
        of this kind, one with a wrong signature, or another version's."""
        raw = token.encode("ascii", "replace")
        signed, _, signature = raw.rpartition(b".")
        version, _, payload = signed.partition(b".")
        if (
            len(raw) > _LONGEST
            or version != self._version.encode()
            or not payload
            or len(signature) != _SIGNATURE_LENGTH
        ):
            raise Unauthenticated(f"this is no {self._said}: {self._hint}")
        if not hmac.compare_digest(self._signature(signed).encode(), signature):
            raise Unauthenticated(
                f"the {self._said}'s signature is wrong: it was changed, or another platform "
                "issued it"
            )
        try:
            return self._decoder.decode(_bytes(payload))
        except (msgspec.DecodeError, ValueError):
            raise Unauthenticated(
                f"the {self._said} is of another version of the platform: call the skill again"
            ) from None

    def _signature(self, signed: bytes) -> str:
        mac = self._mac.copy()
        mac.update(signed)
        return _text(mac.digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
