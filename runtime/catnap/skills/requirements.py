"""What a session may install, and what it asks for: `[packages] allow` of
skill.toml and the arguments of `ctx.install`.

pandas              any version
pandas==2.2.*       versions within bounds, as PEP 440 writes them
pandas[excel]>=2    what it needs for an extra, too

A part of PEP 508: nothing here says where a package comes from.
"""

from __future__ import annotations

import re

import msgspec

from catnap.errors import InvalidRequest

LONGEST = 200
"""Characters of one."""

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.!+_-]*(?:\.\*)?"
# Compiled when first used: most skills name no package.
_WHOLE = (
    rf"(?P<name>{_WORD})\s*(?:\[\s*(?P<extras>{_WORD}(?:\s*,\s*{_WORD})*)\s*\])?\s*"
    rf"(?P<bounds>{_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?\Z"
)


class Requirement(msgspec.Struct, frozen=True):
    """name, extras: in their one spelling. bounds: of the version, such as
    `>=2,<3`; empty for none."""

    name: str
    extras: tuple[str, ...] = ()
    bounds: str = ""

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.bounds}"


def parse_requirement(text: str) -> Requirement:
    """Raises InvalidRequest, which says what is not taken."""
    shown = ascii(text if len(text) <= 80 else text[:80] + "...")
    stripped = text.strip()
    if len(stripped) <= LONGEST and stripped.isascii():
        match = re.match(_WHOLE, stripped)
        if match:
            extras = {normalized(each) for each in (match["extras"] or "").split(",") if each}
            bounds = re.sub(r"\s+", "", match["bounds"] or "")
            return Requirement(normalized(match["name"]), tuple(sorted(extras)), bounds)
    raise InvalidRequest(f"{shown}: {_wrong(stripped)}; write a name and bounds, as pandas==2.2")


def normalized(name: str) -> str:
    """The one spelling of a package's name. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _wrong(text: str) -> str:
    if text.startswith("-"):
        return "options of an installer are not taken"
    if "://" in text or "@" in text:
        return "no address is taken: packages come from the platform's index alone"
    if text.startswith((".", "~")) or "/" in text or "\\" in text:
        return "no path is taken: packages come from the platform's index alone"
    if ";" in text:
        return "markers are not taken"
    if "===" in text:
        return "=== is not taken: == compares versions"
    return "is no requirement"
