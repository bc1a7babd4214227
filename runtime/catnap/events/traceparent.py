"""The `traceparent` of requests and events. Source: W3C Trace Context, section 3.2."""

from __future__ import annotations

_HEX = frozenset("0123456789abcdef")
_SAMPLED = 1


def parse(traceparent: str) -> tuple[str, str] | None:
    """The ids of its trace and of the caller's span, in hex; None where it is
    not valid. Versions to come may say more at its end."""
    version, *ids = traceparent.split("-", 4)
    if len(ids) < 3 or version == "ff" or (version == "00" and len(ids) > 3):
        return None
    trace, span, flags = ids[:3]
    if (len(version), len(trace), len(span), len(flags)) != (2, 32, 16, 2):
        return None
    if not _HEX.issuperset(version + trace + span + flags):
        return None
    return (trace, span) if trace.strip("0") and span.strip("0") else None


def sampled(traceparent: str) -> bool:
    """Whether its caller keeps what it is about. traceparent: a valid one."""
    return bool(int(traceparent.split("-", 4)[3], 16) & _SAMPLED)


def write(trace: str, span: str) -> str:
    """For a request within this span, which is kept."""
    return f"00-{trace}-{span}-01"
