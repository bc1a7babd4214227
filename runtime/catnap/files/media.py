"""Content types: the default by a key's ending, and what may be given."""

from __future__ import annotations

import mimetypes
import re
from functools import cache

from catnap.errors import InvalidRequest

UNKNOWN = "application/octet-stream"

_MORE = {
    ".avif": "image/avif",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".rst": "text/x-rst",
    ".toml": "application/toml",
    ".webp": "image/webp",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+( *;[ -~]*)?\Z", re.ASCII)
_MAX_LENGTH = 255


def content_type_of(key: str, given: str = "") -> str:
    """The content type to keep: the given one, else by the key's ending, else
    application/octet-stream. The same on every machine.

    Raises InvalidRequest where the given one is no media type.
    """
    if given:
        if len(given) > _MAX_LENGTH or not _MEDIA_TYPE.match(given):
            raise InvalidRequest(
                f"content type {given[:80]!a}: not a media type such as text/plain, "
                f"of up to {_MAX_LENGTH} characters"
            )
        # Spaces side by side are one to who signs requests, and not to every server.
        return " ".join(given.split())
    name = key.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return _by_ending().get(dot + ending.lower(), UNKNOWN) if stem else UNKNOWN


@cache
def _by_ending() -> dict[str, str]:
    # A table of its own: the module's functions mix in the machine's files.
    return mimetypes.MimeTypes().types_map[True] | _MORE
