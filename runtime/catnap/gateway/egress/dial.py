"""From a host's name to a connection, to an address that was checked."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from catnap.access.egress import Networks
from catnap.errors import DeadlineExceeded, PermissionDenied, Unavailable
from catnap.gateway.egress.limits import Limits
from catnap.skills.hosts import Place, is_address

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""From a name to its addresses, best first. Raises OSError."""

_THREADS = 32


class Resolver:
    """The system's resolver, in threads of its own: a name server that does
    not answer must not take those that the gateway writes files with."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "egress-dns")

    async def __call__(self, name: str) -> list[str]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _resolve, name)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(name: str) -> list[str]:
    # With a dot at its end a name means itself: the search domains of a pod
    # would cost four more questions, and could answer for another host.
    absolute = name + "." if "." in name else name
    found = socket.getaddrinfo(
        absolute.encode(), None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Silent(asyncio.Protocol):
    """Reads nothing before there is somebody to pass it on to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.pause_reading()  # type: ignore[attr-defined]


async def dial(
    place: Place, networks: Networks, resolve: Resolve, limits: Limits
) -> asyncio.Transport:
    """Connects to a place; nothing is read from it yet.

    The name is resolved once, every address it has must be reachable, and the
    connection goes to one of just these: a name server that answers
    differently the next time is not asked again. Raises PermissionDenied,
    Unavailable, or DeadlineExceeded.
    """
    addresses = await _addresses(place, resolve, limits.resolve)
    for address in addresses:
        if not networks.reachable(address):
            raise PermissionDenied(
                f"{place.host} leads to {address}, which is not a public address: skills may not "
                "go there, unless the platform's CATNAP_EGRESS_NETWORKS opens that network"
            )
    loop = asyncio.get_running_loop()
    end = loop.time() + limits.connect
    error: OSError | None = None
    for number, address in enumerate(addresses):
        # Each has its share of the time that is left, so that one which does
        # not answer leaves some to those after it.
        share = (end - loop.time()) / (len(addresses) - number)
        try:
            async with asyncio.timeout(share):
                transport, _ = await loop.create_connection(_Silent, address, place.port)
                return transport
        except TimeoutError:
            continue
        except OSError as refused:
            error = refused
    if error is None:
        raise DeadlineExceeded(f"{place} did not take a connection within {limits.connect:g} s")
    reason = os.strerror(error.errno) if error.errno else str(error)
    raise Unavailable(f"cannot connect to {place}: {reason}")


async def _addresses(place: Place, resolve: Resolve, timeout: float) -> Sequence[str]:
    if is_address(place.host):
        return [place.host.strip("[]")]
    try:
        async with asyncio.timeout(timeout):
            addresses = await resolve(place.host)
    except TimeoutError:
        raise DeadlineExceeded(f"{place.host}: no name server answered in {timeout:g} s") from None
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unavailable(f"{place.host} cannot be resolved: {reason}") from None
    if not addresses:
        raise Unavailable(f"{place.host} has no address")
    return addresses
