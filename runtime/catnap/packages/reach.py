"""Which names a list of allowed ones leads to.

A name is within reach if the list has it, or if a wheel that is within reach
asks for it. Wheels ask by their metadata, as the index has it: of versions that
the list allows, and for extras that it, or who asks, names. An installer reads
the metadata of a package before it asks for what that needs; so it is enough to
look at metadata that was read before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from catnap.errors import InvalidRequest
from catnap.packages.metadata import Needs
from catnap.skills.requirements import Requirement, parse_requirement

ANY = SpecifierSet()

Known = Callable[[str], Iterable[Needs]]
"""From a name to what was read of it."""


class Roots:
    """`[packages] allow` of one skill, read. An entry more of the same name
    allows what either does."""

    def __init__(self, allow: Iterable[str]) -> None:
        """Raises InvalidRequest, which names the entry."""
        self.extras: Mapping[str, set[str]] = defaultdict(set)
        self.bounds: dict[str, list[SpecifierSet]] = {}
        for text in allow:
            root = parse_requirement(text)
            self.bounds.setdefault(root.name, []).append(bounds_of(root))
            self.extras[root.name].update(root.extras)

    def allows(self, name: str, version: Version | str) -> bool:
        """Whether it may be that version, if it may be at all."""
        bounds = self.bounds.get(name, (ANY,))
        return any(each.contains(version, prereleases=True) for each in bounds)


def reached(roots: Roots, known: Known) -> dict[str, frozenset[str]]:
    """The names within reach, with the extras that each may have."""
    extras: dict[str, set[str]] = {name: set(roots.extras[name]) for name in roots.bounds}
    waiting = list(extras)
    while waiting:
        name = waiting.pop()
        for needs in known(name):
            if not roots.allows(name, needs.version):
                continue
            for each in needs.wanted(extras[name]):
                other: str = canonicalize_name(each.name)
                asked = {canonicalize_name(extra) for extra in each.extras}
                if other not in extras or not asked <= extras[other]:
                    extras.setdefault(other, set()).update(asked)
                    waiting.append(other)
    return {name: frozenset(each) for name, each in extras.items()}


def bounds_of(requirement: Requirement) -> SpecifierSet:
    """Raises InvalidRequest."""
    try:
        return SpecifierSet(requirement.bounds)
    except InvalidSpecifier:
        raise InvalidRequest(
            f"{requirement}: the version is none: write it as 2.2, 2.2.*, 2.2rc1 (PEP 440)"
        ) from None
