"""The workspace of a call: where the platform has put it, or where this
instance has it itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catnap.host.call import Call
from catnap.http import Client, Request, Target

if TYPE_CHECKING:
    from catnap.host.workspaces import Workspaces


class Folders:
    """given: the folder that holds those of sessions, where the platform keeps
    them. own: the one for those that are kept from here. Both empty for none.
    instance: its name."""

    def __init__(
        self, given: str, own: str, client: Client, callback: Target | None, instance: str
    ) -> None:
        self._given = given
        self._own = own
        self._client = client
        self._callback = callback
        self._instance = instance
        self._workspaces: Workspaces | None = None

    def given(self, request: Request) -> str:
        """That of the call's session, as the platform names it."""
        name = self._given and request.headers.get(b"catnap-workspace", b"").decode("latin-1")
        return f"{self._given}/{name}" if name and "/" not in name else ""

    def wants(self, call: Call) -> bool:
        """Whether `enter` has to come before it."""
        return bool(self._own and call.context.session)

    async def enter(self, call: Call) -> None:
        """Has the folder of the call's session here. Raises Unavailable."""
        if self._workspaces is None:
            from catnap.host.workspaces import Workspaces  # few skills have any

            assert self._callback is not None
            self._workspaces = Workspaces(self._own, self._client, self._callback, self._instance)
        call.visit = await self._workspaces.enter(call.context)
        if call.visit is not None:
            call.context.folder = str(call.visit.folder)

    def leave(self, call: Call) -> None:
        """The call has ended."""
        if call.visit is not None:
            assert self._workspaces is not None
            self._workspaces.leave(call.visit, whole=call.whole)

    async def close(self) -> None:
        """Keeps what is to be kept."""
        if self._workspaces is not None:
            await self._workspaces.close()
