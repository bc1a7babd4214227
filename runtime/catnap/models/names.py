"""Which model a request is for, and which version of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from catnap.errors import NotFound
from catnap.errors.nearest import nearest
from catnap.models.settings import Model

LONGEST = 256
"""Characters of a name, or a version, that errors repeat: likeness to a longer one
is not looked for, which takes long, and statuses have little room."""


class Choice(msgspec.Struct, frozen=True):
    """name: the model's own, whatever it was asked by. version: that its servers
    are asked for; empty for the one that they would choose. canary: whether it is
    the canary's."""

    name: str
    version: str
    canary: bool = False


class Names:
    """The models by what they are called. Whose list does not have one is told
    the same as if there were none."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = dict(models)
        self._names = {alias: name for name, each in models.items() for alias in each.aliases}

    def visible(self, tenant: str) -> Iterator[tuple[str, Model]]:
        """Those that the tenant may ask, by name."""
        return ((name, each) for name, each in sorted(self._models.items()) if each.is_for(tenant))

    def choose(self, name: str, version: str, tenant: str, chance: float) -> Choice:
        """name: or an alias. version: empty for whichever gets the request, by
        chance (0 <= n < 1) and the canary's percentage; where models.toml names
        none, the servers know theirs. Raises NotFound, which names the nearest
        there is."""
        own = self._names.get(name, name)
        model = self._models.get(own)
        if model is None or not model.is_for(tenant):
            known = [each for each, _ in self.visible(tenant)]
            if len(name) > LONGEST:
                raise NotFound(f"there is no model {name[:LONGEST]!r}…")
            raise NotFound(f"there is no model {name!r}: {nearest(name, known)}")
        canary = model.canary
        if canary and (version == canary.version if version else chance * 100 < canary.percent):
            return Choice(own, canary.version, canary=True)
        if version and model.version and version != model.version:
            there = ", ".join((model.version, *([canary.version] if canary else [])))
            raise NotFound(f"model {own!r} has no version {version[:LONGEST]!r}; there is {there}")
        return Choice(own, version or model.version)
