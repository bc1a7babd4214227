"""One request, watched: what becomes of it is the audit's to write."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from catnap.access import asking
from catnap.access.asking import Asked
from catnap.access.audit import Audit
from catnap.access.audit_record import Entry, Kind, moment, shortened
from catnap.access.decision import Action, Resource
from catnap.access.unbroken import unbroken
from catnap.errors import CatnapError, PermissionDenied, Unauthenticated, Unavailable


class Audited:
    """Around whatever answers a request, on every surface: a denial is noted,
    and an administrative action is on disk before its answer goes out.

    said: gives the request and the peer it came from; called only where there
    is something to write.
    """

    __slots__ = ("_asked", "_audit", "_said")

    _asked: Asked

    def __init__(self, audit: Audit, said: Callable[[], tuple[str, str]]) -> None:
        self._audit = audit
        self._said = said

    async def __aenter__(self) -> None:
        self._asked = asking.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asked = self._asked
        if isinstance(error, (Unauthenticated, PermissionDenied)) and not asked.let_in:
            tenant = asked.principal.tenant if asked.principal else ""
            self._audit.later(self._entry("denial", tenant, asked.last, error, error.message))
        elif asked.change is not None:
            tenant = asked.change[1].tenant
            entry = self._entry("action", tenant, asked.change, error, asked.detail)
            try:
                await unbroken(self._audit.write(entry))
            except CatnapError as failure:
                if error is None:
                    raise Unavailable(f"it was done, but not recorded: {failure.message}") from None

    def _entry(
        self,
        kind: Kind,
        tenant: str,
        about: tuple[Action, Resource] | None,
        error: BaseException | None,
        detail: str,
    ) -> Entry:
        request, peer = self._said()
        who = self._asked.principal
        return Entry(
            tenant=tenant,
            time=moment(time.time()),
            kind=kind,
            action=about[0] if about else "",
            outcome="ok" if error is None else type(error).__name__,
            principal=who.name if who else "",
            of=who.tenant if who and who.tenant != tenant else "",
            user=(who.user or "") if who else "",
            skill=shortened(about[1].skill) if about else "",
            request=shortened(request),
            peer=peer,
            detail=shortened(detail),
        )
