"""What a host and a gateway say to one another about a workspace."""

from __future__ import annotations

from typing import Annotated

import msgspec

HOLD = 10.0
"""Seconds that a workspace waits for its holder's next word, while that has
calls at work there or something to keep."""


ABSENCE = 600.0
"""Seconds that a gateway may have been away, for hosts to have something to
keep still."""


class Claim(msgspec.Struct, frozen=True):
    """instance: whose folder it becomes. epoch: of the folder that it has
    already, 0 for none."""

    instance: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    epoch: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0


class Claimed(msgspec.Struct, frozen=True):
    """lease: the right to it. epoch: another than the one that was claimed with
    means that the folder has to be made anew. most: bytes of content that it may have.
    head: the number of its last snapshot, 0 for none. manifest: that one's."""

    lease: str
    epoch: int
    most: int
    head: int = 0
    manifest: str = ""


class Kept(msgspec.Struct, frozen=True):
    """The head is that snapshot now."""

    head: int
