"""What the request at work asks for, told by those who find out.

A surface begins an `Asked`; whoever authenticates and whoever decides fill it
in, deep below. So the audit of a new route needs no line in that route.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from catnap.access.decision import Action, Resource
    from catnap.access.principal import Principal


class Asked(msgspec.Struct, eq=False):
    principal: Principal | None = None
    """None until somebody's credential was found good."""
    last: tuple[Action, Resource] | None = None
    """What was decided on last."""
    change: tuple[Action, Resource] | None = None
    """The last that was an administrative action."""
    detail: str = ""
    let_in: bool = False
    """Its call was let in: an error from now on is the skill's own word."""


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def begin() -> Asked:
    """For the request of this asyncio task, and what it starts."""
    asked = Asked()
    _asked.set(asked)
    return asked


def by(principal: Principal) -> None:
    """Whose credential it is."""
    asked = _asked.get()
    if asked is not None:
        asked.principal = principal


def about(action: Action, resource: Resource, *, change: bool) -> None:
    """What is decided on. change: it is an administrative action."""
    asked = _asked.get()
    if asked is not None:
        asked.last = (action, resource)
        if change:
            asked.change = asked.last


def detail(text: str) -> None:
    """What the audit should say of a change besides its path, such as `key ci`.
    Never a secret."""
    asked = _asked.get()
    if asked is not None:
        asked.detail = text


def let_in() -> None:
    asked = _asked.get()
    if asked is not None:
        asked.let_in = True
