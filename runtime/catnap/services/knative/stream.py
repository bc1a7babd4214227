"""A response that never ends, read line by line beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from catnap.errors import CatnapError, Unavailable
from catnap.services.knative.refusals import unreachable

if TYPE_CHECKING:
    from catnap.services.knative.api import Api

_CHUNK = 64 * 1024


async def lines(
    api: Api, path: str, query: Mapping[str, str], *, timeout: float
) -> AsyncGenerator[bytes, None]:
    """The lines of a GET's body, each as soon as it is complete.

    timeout: seconds without a byte after which the connection counts as dead.
    Closing it ends the connection at once. Raises what Api.open raises, and
    Unavailable where the connection is cut.
    """
    reader = _Reader(api, path, query, timeout)
    reader.start()
    try:
        while (item := await reader.queue.get()) is not None:
            if isinstance(item, CatnapError):
                raise item
            for line in item:
                yield line
    finally:
        reader.stop()


class _Reader(threading.Thread):
    """A thread of its own, that a process's end does not wait for: a read that
    nobody answers blocks it for as long as the timeout is."""

    def __init__(self, api: Api, path: str, query: Mapping[str, str], timeout: float) -> None:
        super().__init__(name=f"watch {path}", daemon=True)
        self.queue: asyncio.Queue[list[bytes] | CatnapError | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._open = partial(api.open, "GET", path, query, timeout=timeout, stream=True)
        self._server = api.server
        self._lock = threading.Lock()
        self._response: Any = None
        self._stopped = False

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._response is not None:
                # Wakes the read; the thread itself closes what it reads from.
                with contextlib.suppress(OSError, ValueError, RuntimeError):
                    self._response.shutdown()

    def run(self) -> None:
        end: CatnapError | None = None
        try:
            self._read()
        except CatnapError as error:
            end = error
        except Exception as error:
            end = Unavailable(f"{self._server}: {type(error).__name__}: {error}")
        self._put(end)

    def _read(self) -> None:
        from urllib3.exceptions import HTTPError

        response: Any = self._open()  # parts of it have no types
        with self._lock:
            self._response = response
            if self._stopped:
                response.close()
                return
        try:
            rest = b""
            for chunk in response.stream(_CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                if self._stopped:
                    return
                if whole:
                    self._put(whole)
            if rest:
                self._put([rest])
        except HTTPError as error:
            raise unreachable(self._server, error) from None
        finally:
            with self._lock:
                self._response = None
            # Not returned to the pool: what is left of it is nobody's.
            response.close()

    def _put(self, item: list[bytes] | CatnapError | None) -> None:
        # The loop may be closed already; then nobody asks any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.queue.put_nowait, item)
