"""Links: the right to read or write one file once signed, for a short time.

    cl1.<payload>.<HMAC-SHA256 of `cl1.<payload>`>

Both parts are base64url without padding; the payload is a msgpack array of the
Link's fields. The signature is compared as text, since base64 has more than
one spelling of the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

import msgspec

from catnap.errors import InvalidRequest, Unauthenticated
from catnap.files.scopes import Scope

VERSION = "cl1"
SECONDS = 600
"""For which a link is good where nobody says otherwise."""
MAX_SECONDS = 3600
_LONGEST = 16 * 1024


class Link(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What its holder may do, without any other credential.

    GET reads the file `key` of the scope, PUT writes it: `size` bytes, no more
    and no less, as `content_type` if that is not empty. `upload` names parts that
    were sent to the store itself and are only to be ended. `expires` is
    in seconds since the epoch. `roles` are those of who made the link: changes
    are on his account.
    """

    tenant: str
    user: str
    session: str = ""
    task: str = ""
    key: str
    method: Literal["GET", "PUT"]
    expires: int
    size: int = 0
    content_type: str = ""
    upload: str = ""
    roles: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant, self.user, session=self.session, task=self.task)


class Links:
    """Signs and verifies them. secret: the platform's; the links' own key is
    derived from it, so that no other signature of its passes for a link's."""

    def __init__(self, secret: bytes) -> None:
        key = hmac.digest(secret, b"catnap file links", "sha256")
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._decoder = msgspec.msgpack.Decoder(Link)

    def sign(self, link: Link) -> str:
        signed = f"{VERSION}.{_text(msgspec.msgpack.encode(link))}"
        return f"{signed}.{self._signature(signed)}"

    def verify(self, token: str, now: float) -> Link:
        """What the link allows. now: seconds since the epoch.

        Raises Unauthenticated where it was changed, is another platform's, or
        has expired.
        """
        signed, _, signature = token.rpartition(".")
        version, _, payload = signed.partition(".")
        if len(token) > _LONGEST or not token.isascii() or version != VERSION:
            raise Unauthenticated("sig: this is no link's signature: use the link as it was given")
        if not hmac.compare_digest(self._signature(signed), signature):
            raise Unauthenticated(
                "the link's signature is wrong: it was changed, or another platform made it"
            )
        try:
            link = self._decoder.decode(_bytes(payload))
        except (msgspec.DecodeError, ValueError):
            raise Unauthenticated("the link is of another version: ask for a new one") from None
        if now >= link.expires:
            raise Unauthenticated("the link has expired: ask for a new one")
        return link

    def _signature(self, signed: str) -> str:
        mac = self._mac.copy()
        mac.update(signed.encode())
        return _text(mac.digest())


def check_seconds(seconds: int) -> int:
    """Raises InvalidRequest for a time that no link may last."""
    if not 1 <= seconds <= MAX_SECONDS:
        raise InvalidRequest(f"seconds {seconds}: a link lasts from 1 to {MAX_SECONDS:,} seconds")
    return seconds


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
