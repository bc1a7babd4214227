"""Watching a kind of object: what there is, then every change to it.

Source: Kubernetes API concepts, "Efficient detection of changes".
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from catnap.errors import (
    CatnapError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from catnap.services.knative.api import Api, Object
from catnap.services.knative.refusals import Expired, Status, of_status
from catnap.services.knative.stream import lines

_log = logging.getLogger(__name__)

_SERVED = 240
"""Seconds after which the server ends a watch, and another is begun."""
_LONGEST = 30.0
"""Seconds between two attempts, at most."""
_FINAL = (Unauthenticated, PermissionDenied, InvalidRequest)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All there is, at one moment: whatever is not in it is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """object: as it is now, or as it last was."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


async def watch(
    api: Api,
    path: str,
    *,
    labels: str = "",
    retry: float = 1.0,
    chance: Callable[[], float] = random.random,
) -> AsyncGenerator[Snapshot | Change, None]:
    """Everything at `path` that the label selector takes: a Snapshot, then
    Changes; a further Snapshot where changes may have been missed.

    Ends when it is closed, and at no error, save those of the first Snapshot
    that no repeat mends: NotFound, PermissionDenied, Unauthenticated,
    InvalidRequest. retry: seconds until the second attempt; doubles each time,
    shortened by `chance` so that many watchers do not return together.
    """
    version = ""
    seen = False
    failures = 0
    while True:
        try:
            if not version:
                found = await api.list(path, labels)
                version = found["metadata"]["resourceVersion"]
                # Items of a list do not say what they are; changes do.
                kind = {"apiVersion": found["apiVersion"], "kind": found["kind"][: -len("List")]}
                yield Snapshot(tuple({**kind, **each} for each in found.get("items") or ()))
                seen = True
            heard = False
            async with aclosing(_changes(api, path, labels, version)) as changes:
                async for change in changes:
                    heard, failures = True, 0
                    version = change.object["metadata"]["resourceVersion"]
                    if change.type != "BOOKMARK":
                        yield Change(change.type, change.object)
            if heard:  # a watch ends in time by itself
                continue
            failures += 1
        except Expired:
            # Too old to be resumed. Once that is ordinary, again it is not.
            version = ""
            failures += 1
            if failures == 1:
                continue
        except CatnapError as error:
            if not seen and isinstance(error, (*_FINAL, NotFound)):
                raise
            failures += 1
            _log.warning("watching %s: %s", path, error.message)
        await asyncio.sleep(pause(failures, retry, chance()))


def pause(failures: int, retry: float, chance: float) -> float:
    """Seconds to wait after so many failures in a row; chance: 0 to 1."""
    return float(min(_LONGEST, retry * 2 ** min(failures - 1, 16))) * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class _Event:
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


class _Line(msgspec.Struct):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: dict[str, Any]


async def _changes(api: Api, path: str, labels: str, version: str) -> AsyncGenerator[_Event, None]:
    """Changes after a resourceVersion, until the server ends the stream.

    Raises Expired where it no longer knows that version.
    """
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(_SERVED),
        **({"labelSelector": labels} if labels else {}),
    }
    async with aclosing(lines(api, path, query, timeout=_SERVED + 30.0)) as stream:
        async for line in stream:
            event = _decoded(line)
            if event.type == "ERROR":
                status = msgspec.convert(event.object, Status)
                raise of_status(status.code, status)
            yield _Event(event.type, event.object)


def _decoded(line: bytes) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError as error:
        # The last line of a connection that was cut, or not an API server.
        raise Unavailable(f"an event that is none: {error}") from None
