"""What is stored of files and workspaces: within the limits, and counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from catnap.access.limiter import Limiter
from catnap.access.limits import Who
from catnap.calls.admit import admit_file
from catnap.files import Scope
from catnap.workspaces import Workspace


class Written:
    """The Allowance of all files. skill: names the one that writes, if one does."""

    def __init__(self, limits: Limiter, skill: Callable[[], str]) -> None:
        self._limits = limits
        self._skill = skill

    def ask(self, scope: Scope) -> None:
        """Raises ResourceExhausted where the day's bytes are used up."""
        admit_file(self._limits, self._who(scope), time.time())

    def wrote(self, scope: Scope, size: int) -> None:
        self._limits.spend(self._who(scope), time.time(), bytes=size)

    def _who(self, scope: Scope) -> Who:
        return (scope.tenant, scope.user, self._skill())


class Kept:
    """The Allowance of all workspaces."""

    def __init__(self, limits: Limiter) -> None:
        self._limits = limits

    def ask(self, workspace: Workspace) -> None:
        """Raises ResourceExhausted where the day's bytes are used up."""
        admit_file(self._limits, self._who(workspace), time.time())

    def wrote(self, workspace: Workspace, size: int) -> None:
        self._limits.spend(self._who(workspace), time.time(), bytes=size)

    def _who(self, workspace: Workspace) -> Who:
        return (workspace.tenant, workspace.user, workspace.skill)
