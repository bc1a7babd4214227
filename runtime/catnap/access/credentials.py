"""One way from a credential to who calls, for every surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catnap.access.accounts import Accounts
from catnap.access.jwt_claims import claims_of, is_token
from catnap.access.keys import KeyRing, refusal
from catnap.access.mtls import ClientName
from catnap.access.oidc import Issuer
from catnap.access.principal import Principal
from catnap.errors import InvalidRequest, Unauthenticated

if TYPE_CHECKING:
    from catnap.access.mtls_certificates import Certificates
    from catnap.access.oidc_tokens import Tokens


class Credentials:
    """keys: those that are good now. accounts: whose tokens a cluster vouches
    for, where there is one. issuers: whose tokens are taken. clients: whose
    certificates."""

    def __init__(
        self,
        keys: KeyRing,
        accounts: Accounts | None = None,
        issuers: Sequence[Issuer] = (),
        clients: Sequence[ClientName] = (),
    ) -> None:
        """Raises InvalidRequest where there are issuers and no PyJWT, or
        clients and no cryptography."""
        self._keys = keys
        self.accounts = accounts
        self._tokens = _tokens(issuers) if issuers else None
        self._certificates = _certificates(clients) if clients else None

    async def authenticate(
        self, bearer: str | None, now: float, certificate: bytes = b""
    ) -> Principal:
        """Whose credential it is: a key's owner, a token's subject, or who is
        named in the certificate of the connection.

        With a bearer the certificate has only opened the connection: the bearer
        alone says who calls, and one that is no good is refused.
        now: seconds since the epoch. Raises Unauthenticated, saying what is
        wrong, and Unavailable where who vouches for it cannot be asked.
        """
        if bearer is None and certificate and self._certificates is not None:
            shown, made = self._certificates.authenticate(certificate, now)
            self._keys.check_made(shown, made)
            return shown
        found = self._keys.find(bearer, now)
        if found is not None:
            return found
        if bearer is None or not is_token(bearer):
            raise refusal(bearer)
        if self._tokens is not None:
            known = await self._tokens.authenticate(bearer, now)
            if known is not None:
                self._keys.check_made(known.principal, known.made)
                return known.principal
        if self.accounts is not None:
            return await self.accounts.authenticate(bearer, now)
        raise Unauthenticated(
            f"the token is of issuer {claims_of(bearer).iss[:200]!r}, which is none of those whose "
            "tokens are taken here: those in [[issuers]] of catnap.toml"
        )

    async def close(self) -> None:
        if self._tokens is not None:
            await self._tokens.close()


def _tokens(issuers: Sequence[Issuer]) -> Tokens:
    # Here, so that whoever has no issuers needs no cryptography.
    try:
        from catnap.access.oidc_tokens import Tokens
    except ImportError as error:
        raise InvalidRequest(
            f"[[issuers]] of catnap.toml: {error}: install catnap-functions[oidc]"
        ) from None
    return Tokens(issuers)


def _certificates(clients: Sequence[ClientName]) -> Certificates:
    # Here, so that whoever takes no certificates needs no cryptography.
    try:
        from catnap.access.mtls_certificates import Certificates
    except ImportError as error:
        raise InvalidRequest(
            f"[[clients]] of catnap.toml: {error}: install catnap-functions[mtls]"
        ) from None
    return Certificates(clients)
