"""A call on its way to an instance: route, Grant, headers, deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from catnap.access import Grant, Grants
from catnap.calls.call import Call, new_trace
from catnap.errors import DeadlineExceeded, NotFound, Unavailable, from_problem
from catnap.events import to_binary
from catnap.services.catalog import Catalog, Deployed, route
from catnap.services.platform import Delivery, Platform

MARGIN = 5.0
"""Seconds that a Grant outlasts its call's deadline."""


class Deliverer:
    def __init__(self, catalog: Catalog, platform: Platform, grants: Grants) -> None:
        self._catalog = catalog
        self._platform = platform
        self._grants = grants

    @asynccontextmanager
    async def send(self, call: Call, deployed: Deployed) -> AsyncIterator[Delivery]:
        """Delivers a call; the answer's status is below 400 inside the block.

        Raises what the skill ended with, DeadlineExceeded when the call's
        deadline or the skill's timeout passes, in the block too, and
        Unavailable where the skill was taken away meanwhile: it may come back.
        """
        now = time.time()
        limit = now + deployed.manifest.limits.timeout
        deadline = limit if call.deadline is None else min(call.deadline, limit)
        target = route(
            deployed,
            call.tenant,
            call.user,
            call.session,
            call.revision,
            nested=call.depth > 0,
        )
        headers, body = self._request(call, deployed, deadline)
        timer = asyncio.timeout(max(0.0, deadline - now))
        try:
            async with timer, AsyncExitStack() as stack:
                try:
                    await self._catalog.revision(call.skill, call.tenant)
                    delivering = self._platform.deliver(target, headers, body)
                    delivery = await stack.enter_async_context(delivering)
                except NotFound as error:
                    raise Unavailable(error.message) from None
                if delivery.reply.status >= 400:
                    raise from_problem(delivery.reply.status, await delivery.reply.read())
                yield delivery
        except TimeoutError:
            if not timer.expired():
                raise
            raise DeadlineExceeded(
                f"skill {call.skill!r} did not answer within {deadline - now:.3g} s"
            ) from None

    def _request(
        self, call: Call, deployed: Deployed, deadline: float
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        traceparent = call.traceparent or new_trace()
        grant = Grant(
            tenant=call.tenant,
            user=call.user,
            session=call.session,
            task=call.id,
            skill=call.skill,
            models=deployed.manifest.models.allow,
            depth=call.depth,
            expires=deadline + MARGIN,
            deadline=deadline,
            traceparent=traceparent,
            roles=tuple(sorted(call.principal.roles)),
            egress=deployed.manifest.egress.allow,
        )
        event = call.event.extended(
            tenantid=call.tenant,
            userid=call.user,
            sessionid=call.session or None,
            taskid=call.id,
            parenttaskid=call.parent or None,
            deadline=datetime.fromtimestamp(deadline, UTC).isoformat(timespec="milliseconds"),
            traceparent=traceparent,
        )
        headers, body = to_binary(event)
        headers.append((b"authorization", b"Bearer " + self._grants.issue(grant).encode()))
        if call.accept:
            headers.append((b"accept", call.accept.encode()))
        return headers, body
