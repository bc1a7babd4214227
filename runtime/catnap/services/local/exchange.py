"""One call at one instance: sent, answered, and what is thought of the instance
that did not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from catnap.errors import DeadlineExceeded, Unavailable
from catnap.http import Client, ConnectionLost
from catnap.services.local.background import Background
from catnap.services.local.instance import Instance
from catnap.services.local.probing import answers
from catnap.services.place import Place
from catnap.services.platform import Delivery
from catnap.services.pool import Pool
from catnap.services.timeouts import Patience, paced

CHECK = 2.0
"""Seconds in which an instance that lost a call must show that it is well."""

_NOBODY = (ConnectionRefusedError, FileNotFoundError)
"""What the kernel says of a socket that nobody listens on."""

_log = logging.getLogger(__name__)


class NotBegun(Exception):
    """An instance did nothing of what was sent, if it was: another may have it."""


class Exchange:
    """Sends calls to instances, and looks after one that a call has lost."""

    def __init__(self, client: Client, background: Background) -> None:
        self._client = client
        self._background = background

    @asynccontextmanager
    async def send(
        self,
        pool: Pool,
        place: Place,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timings: dict[str, float],
        patience: Patience,
    ) -> AsyncIterator[Delivery]:
        """Holds the place of one call from its sending to its end.

        Raises NotBegun, SkillCrashed where the instance ends meanwhile, and
        Unavailable for trouble of our own.
        """
        instance = place.instance
        assert isinstance(instance, Instance)
        suspect = True
        try:
            try:
                reply = await self._client.request(instance.target, "POST", "/", headers, body)
            except Unavailable as error:
                suspect = False
                if not isinstance(error.__cause__, _NOBODY):
                    raise  # trouble of ours, such as no descriptor to be had
                # It has just ended, or takes no more connections.
                pool.end(instance)
                raise NotBegun from None
            except ConnectionLost:
                if await instance.untouched():
                    suspect = False
                    raise NotBegun from None
                raise
            try:
                # Past its deadline it may be stuck for ever.
                suspect = reply.status == 504
                patience.answered()
                about = pool.revision
                passed_on = paced(reply, about.name, about.timeouts)
                yield Delivery(passed_on, instance.name, timings)
            except (asyncio.CancelledError, DeadlineExceeded):
                suspect = True
                raise
            finally:
                reply.close()
        except ConnectionLost:
            suspect = True
            raise await instance.crash() from None
        finally:
            if suspect:
                instance.doubts += 1
                self._background.start(self._check(pool, place))
            else:
                pool.release(place)

    async def _check(self, pool: Pool, place: Place) -> None:
        """A call was given up: an instance that no longer answers is ended.
        It keeps the call's place until that is known."""
        instance = place.instance
        assert isinstance(instance, Instance)
        try:
            healthy = await answers(self._client, instance.target, "/healthz", CHECK)
            if not healthy and instance.alive:
                _log.warning("instance %s does not answer any more and is ended", instance.name)
                pool.end(instance)
        finally:
            instance.doubts -= 1
            pool.release(place)
