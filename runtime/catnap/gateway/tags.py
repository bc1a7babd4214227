"""The revision that a caller names by its tag."""

from __future__ import annotations

from catnap.access import Principal
from catnap.errors import InvalidRequest
from catnap.gateway.gateway import Gateway


async def tagged(gateway: Gateway, caller: Principal, skill: str, tag: str) -> str:
    """Its name. Raises NotFound where no revision has the tag."""
    await gateway.catalog.revision(skill, caller.tenant)
    return gateway.platform.tagged(caller.tenant, skill, tag)


def refuse_later(tag: str) -> None:
    """Raises InvalidRequest where a task that nobody waits for names a tag: its
    revision may be gone when its turn comes."""
    if tag:
        raise InvalidRequest(
            f"tag {tag!r}: a call that nobody waits for goes where the traffic goes; leave the "
            "tag out, or wait for the answer"
        )
