"""The skills there are, as new calls meet them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from catnap.errors import InvalidRequest, NotFound
from catnap.services.describe import Description
from catnap.services.platform import Route
from catnap.skills.manifest import Manifest

Announce = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A skill as new calls meet it. problem: why its newest source is not served."""

    manifest: Manifest
    description: Description
    problem: str = ""


class Catalog(Protocol):
    """Answers from memory: it is asked at every call."""

    def __len__(self) -> int:
        """How many skills there are, over all tenants."""
        ...

    def of(self, tenant: str) -> Iterator[Deployed]:
        """Every skill that a tenant can call, by name."""
        ...

    def get(self, name: str, tenant: str) -> Deployed:
        """Raises NotFound with the nearest name, or Unavailable with what
        keeps a skill that is there from being served."""
        ...

    def problems(self, tenant: str) -> Mapping[str, str]:
        """Why the newest source of a tenant's skill is not served, by skill."""
        ...

    async def revision(self, name: str, tenant: str) -> str:
        """The newest revision that serves a tenant; where skills are deployed
        by their first call, this is it. Raises as `get`."""
        ...


def route(
    deployed: Deployed,
    tenant: str,
    user: str,
    session: str,
    revision: str = "",
    *,
    nested: bool = False,
) -> Route:
    """Where a call goes, and whom it may meet there. revision, nested: as a
    Route has them.

    Raises InvalidRequest where the skill wants a session and there is none.
    """
    name = deployed.manifest.name
    share = deployed.manifest.session.share
    if share == "session" and not session:
        raise InvalidRequest(f"skill {name!r} needs a session: pass one with the call")
    meets = {"tenant": "", "user": user, "session": f"{user}\0{session}"}[share]
    home = f"{user}\0{session}" if session else ""
    return Route(tenant, name, meets, home, revision, nested)


def unknown(name: str, known: Iterable[str]) -> NotFound:
    """There is no such skill: the nearest one, or where they are listed."""
    close = difflib.get_close_matches(name, list(known), 1, 0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`catnap skills list` names them all"
    return NotFound(f"there is no skill {name!r}: {hint}")
