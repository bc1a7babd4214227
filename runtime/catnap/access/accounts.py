"""Service accounts of a cluster: tokens that the cluster itself vouches for.

A Broker that delivers a Trigger's events proves with one whose Trigger it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from catnap.access.account_roles import AccountRoles, principal_of
from catnap.access.jwt_claims import check_audience, check_time, claims_of
from catnap.access.principal import Principal

TRUST = 5.0
"""Seconds that the cluster's word is good for; then it is asked again. So long
a token works on whose account was deleted."""

MAX_KNOWN = 1024
"""Tokens whose principal is remembered."""

AT_ONCE = 8
"""Questions to the cluster at one time."""


Account = tuple[str, str]
"""Namespace and name of whose a token is, by the cluster's word."""

Review = Callable[[str], Awaitable[Account]]
"""Asks the cluster about a token. Raises Unauthenticated with its reason."""


class Accounts:
    """Tokens made for us by the cluster, of accounts in tenants' namespaces.

    audience: whom a token has to be for. tenant_of: the tenant of a namespace,
    empty for none. bound: what accounts may, and whose those elsewhere are.
    """

    def __init__(
        self,
        audience: str,
        review: Review,
        tenant_of: Callable[[str], str],
        bound: Sequence[AccountRoles] = (),
    ) -> None:
        self._bound = tuple(bound)
        self._audience = audience
        self._review = review
        self._tenant_of = tenant_of
        self._known: OrderedDict[bytes, tuple[float, Account]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Account]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def authenticate(self, token: str, now: float) -> Principal:
        """now: seconds since the epoch. Raises Unauthenticated, saying why, and
        Unavailable where the cluster cannot be asked."""
        expires = self._check(token, now)
        key = hashlib.sha256(token.encode()).digest()
        account = self._remembered(key, now)
        if account is None:
            account = await self._ask(key, token)
            self._remember(key, account, min(expires, now + TRUST))
        # Asked each time: a namespace may have changed hands meanwhile.
        return principal_of(*account, self._tenant_of(account[0]), self._bound)

    def _check(self, token: str, now: float) -> float:
        """Turns away, before the cluster is asked, what it would turn away;
        gives the token's end. Nothing here is proven yet."""
        claims = claims_of(token)
        check_audience(claims, self._audience)
        return check_time(claims, now)

    def _remembered(self, key: bytes, now: float) -> Account | None:
        until, account = self._known.get(key, (0.0, ("", "")))
        return account if now < until else None

    def _remember(self, key: bytes, account: Account, until: float) -> None:
        self._known[key] = (until, account)
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    async def _ask(self, key: bytes, token: str) -> Account:
        """Once for all who wait to hear about one token."""
        asking = self._asked.get(key)
        if asking is None:
            asking = self._asked[key] = asyncio.create_task(self._reviewed(token))
            asking.add_done_callback(lambda _: self._asked.pop(key))
        return await asyncio.shield(asking)

    async def _reviewed(self, token: str) -> Account:
        async with self._room:
            return await self._review(token)
