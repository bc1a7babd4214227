"""A call on its way to an instance: route, Grant, headers, deadline."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from catnap.access import Grant, Grants
from catnap.access.decision import in_order
from catnap.calls.call import Call
from catnap.calls.deadlines import Deadlines
from catnap.calls.ids import new_trace
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
        self._deadlines = Deadlines()

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
        timer = self._deadlines.after(deadline - now)
        begun = False
        try:
            with timer:
                await self._catalog.revision(call.skill, call.tenant)
                async with self._platform.deliver(target, headers, body) as delivery:
                    begun = True
                    if delivery.reply.status >= 400:
                        raise from_problem(delivery.reply.status, await delivery.reply.read())
                    yield delivery
        except NotFound as error:
            if begun:
                raise  # the skill's own answer
            raise Unavailable(error.message) from None
        except TimeoutError:
            if not timer.expired:
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
            roles=in_order(call.principal.roles),
            egress=deployed.manifest.egress.allow,
        )
        event = call.event.extended(
            tenantid=call.tenant,
            userid=call.user,
            sessionid=call.session or None,
            taskid=call.id,
            parenttaskid=call.parent or None,
            deadline=_timestamp(deadline),
            traceparent=traceparent,
        )
        headers, body = to_binary(event)
        headers.append((b"authorization", b"Bearer " + self._grants.issue(grant).encode()))
        if call.accept:
            headers.append((b"accept", call.accept.encode()))
        return headers, body


def _timestamp(seconds: float) -> str:
    """RFC 3339, with milliseconds."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=256)  # calls of the same second often have the same deadline
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
