"""What a wheel says that it needs. Source: PEP 427 and the core metadata specification."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from catnap.errors import Unavailable

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Versions that instances may have, whatever the gateway's own is."""

_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_LONGEST = 1000
"""Characters of a requirement or version. Of much longer ones some are nested
deeper, or have more digits, than Python reads."""

_DIST_INFO = re.compile(r"[^/]+\.dist-info/METADATA\Z")


@dataclass(frozen=True)
class Needs:
    """One version of a package, and what it asks for. An entry without name
    cannot be: what is not readable is left out."""

    version: Version
    requires: tuple[Requirement, ...]

    def wanted(self, extras: Iterable[str]) -> list[Requirement]:
        """With these extras, on any Python that an instance may have. What is to
        be had from an address is nobody's to install."""
        return [
            each for each in self.requires if each.url is None and _applies(each, ("", *extras))
        ]


def parse_metadata(content: bytes, name: str, version: str) -> Needs:
    """name: normalized. Raises Unavailable where the text is about something else."""
    headers = BytesHeaderParser().parsebytes(content)
    try:
        own = Version(str(headers["Version"])[:_LONGEST])
        if canonicalize_name(str(headers["Name"])) != name or own != Version(version):
            raise InvalidVersion
    except InvalidVersion:
        raise Unavailable(
            f"the metadata of {name} {version} is of {str(headers['Name'])[:80]} "
            f"{str(headers['Version'])[:80]}"
        ) from None
    found = []
    for text in map(str, headers.get_all("Requires-Dist", ())):
        try:
            if len(text) <= _LONGEST:
                found.append(Requirement(text))
        except (InvalidRequirement, RecursionError):
            continue  # nobody could install it
    return Needs(own, tuple(found))


def read_metadata(wheel: Path, name: str, limit: int) -> bytes:
    """Of a wheel. Raises Unavailable for a file that is none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            infos = [each for each in archive.infolist() if _DIST_INFO.match(each.filename)]
            if len(infos) != 1 or infos[0].file_size > limit:
                raise Unavailable(f"a wheel of {name} has no METADATA that can be read")
            with archive.open(infos[0]) as file:
                return file.read(limit)
    except (*_BROKEN, OSError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unavailable(f"a wheel of {name} is no wheel: {error}") from None


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    try:
        return marker is None or any(
            marker.evaluate(
                {"extra": extra, "python_version": each, "python_full_version": f"{each}.9"}
            )
            for extra in extras
            for each in PYTHONS
        )
    except (UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return False  # no installer can tell either
