"""What a client may do to a server."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds."""

    header_count: int = 128
    header_bytes: int = 64 * 1024
    """The request line counts."""
    idle: float = 75.0
    """Between two requests of a connection."""
    head: float = 30.0
    """From a request's first byte to the end of its headers."""
    stall: float = 30.0
    """Without a byte while a body is arriving, or our answer is leaving."""
    silence: float = 15.0
    """Without a part of an answer that has something to say meanwhile: proxies
    take a silent connection for dead after half a minute or more."""
    linger: float = 30.0
    """For a client to read an answer that it was not ready for, because it
    still sends what we refuse. What it sends is thrown away."""
    linger_stall: float = 5.0
    """For such a client, without a byte."""
    pipeline: int = 16
    """Requests that may wait behind the one at work."""
    sweep: float = 1.0
    """How often these times are looked at, and the date of answers is renewed."""


DEFAULT = Limits()
