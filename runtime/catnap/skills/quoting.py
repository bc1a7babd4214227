"""What a skill names, as parts of a URL."""

from __future__ import annotations


def quote(text: str, safe: str = "") -> str:
    """Percent-encoded, but for letters, digits, `_.-~` and what is `safe`."""
    # 2 ms of a cold start, for calls that ask something of the platform.
    from urllib.parse import quote as quoted

    return quoted(text, safe)
