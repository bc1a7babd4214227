"""One way from a credential to who calls, for every surface."""

from __future__ import annotations

from catnap.access.accounts import Accounts, is_token
from catnap.access.keys import KeyRing, refusal
from catnap.access.principal import Principal


class Credentials:
    """keys: those that are good now. accounts: whose tokens a cluster vouches
    for, where there is one."""

    def __init__(self, keys: KeyRing, accounts: Accounts | None = None) -> None:
        self._keys = keys
        self.accounts = accounts

    async def authenticate(self, bearer: str | None, now: float) -> Principal:
        """Whose credential it is: a key's owner or a token's subject.

        now: seconds since the epoch. Raises Unauthenticated, saying what is
        wrong, and Unavailable where who vouches for it cannot be asked.
        """
        found = self._keys.find(bearer, now)
        if found is not None:
            return found
        if bearer is not None and is_token(bearer) and self.accounts is not None:
            return await self.accounts.authenticate(bearer, now)
        raise refusal(bearer)
