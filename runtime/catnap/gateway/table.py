"""Routes as data: a method, a path, what its caller has to be allowed, and who
answers. Adding a route is adding a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from catnap.access import Action
from catnap.errors import InvalidRequest, NotFound
from catnap.http import Response
from catnap.http.errors import MethodNotAllowed

Public = Literal["public"]
PUBLIC: Public = "public"

Handler = Callable[..., Coroutine[Any, Any, Response]]
"""Called as `handler(gateway, caller, request, *parts)`."""

Proof = Callable[..., Coroutine[Any, Any, Any]]
"""Called as `proof(gateway, request)`; gives the caller."""

_PART = re.compile(r"\{(\w+)(\.\.\.)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a table.

    path: what is in braces is given to the handler, in this order. `{skill}` is
    what the decision is about, too; `{key...}` may have slashes, and what comes
    after it is found from the end. action: PUBLIC where nobody is turned away.
    proof: where the caller is known by something else than the surface's usual
    credential. any_tenant: `?tenant=` names the tenant that it is about.
    """

    method: str
    path: str
    action: Action | Public
    handler: Handler
    proof: Proof | None = None
    any_tenant: bool = False

    @property
    def parts(self) -> list[str]:
        """The names in braces."""
        return [part[1] for part in _PART.finditer(self.path)]


class Found(msgspec.Struct, frozen=True):
    """The route of a request. parts: of its path, for the handler. skill: that
    it is about, empty for none."""

    route: Route
    parts: tuple[str, ...]
    skill: str


class Table:
    """The first path that fits is taken. hint: what there is, for who asks for
    something else."""

    def __init__(self, routes: Iterable[Route], hint: str = "") -> None:
        self._routes = tuple(routes)
        self._hint = hint
        self._by_path: dict[str, dict[str, Route]] = {}
        for route in self._routes:
            self._by_path.setdefault(route.path, {})[route.method] = route
        self._paths: dict[int, _Path] = {}
        """By the number of the path's own group in the one pattern of all."""
        patterns, group = [], 1
        for path, methods in self._by_path.items():
            parts = next(iter(methods.values())).parts
            skill = parts.index("skill") if "skill" in parts else None
            self._paths[group] = (methods, slice(group, group + len(parts)), skill)
            patterns.append(f"({_pattern(path)})")
            group += 1 + len(parts)
        self._fit = re.compile(f"/*(?:{'|'.join(patterns)})", re.DOTALL).fullmatch

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, method: str, path: str) -> Found:
        """Raises NotFound, which says what there is, and MethodNotAllowed."""
        match = self._fit(path)
        if match is None or match.lastindex is None:
            raise NotFound(f"there is nothing at {path!r}: {self._near(path)}")
        methods, given, skill = self._paths[match.lastindex]
        route = methods.get(method)
        if route is None:
            known = tuple(methods)
            raise MethodNotAllowed(
                f"{method} is not answered at {path!r}: use {', '.join(known)}", known
            )
        parts = match.groups()[given]
        if "%" in path:
            try:
                parts = tuple(unquote(part, errors="strict") for part in parts)
            except UnicodeDecodeError:
                raise InvalidRequest(
                    f"the path {path[:80]!r}: what it quotes is no UTF-8"
                ) from None
        return Found(route, parts, "" if skill is None else parts[skill])

    def _near(self, path: str) -> str:
        """What there is that begins alike, or the hint."""
        first = path.lstrip("/").partition("/")[0]
        near = [
            f"{' or '.join(methods)} {each}"
            for each, methods in self._by_path.items()
            if each.split("/")[1] == first
        ]
        return ", ".join(near) or self._hint


_Path = tuple[dict[str, Route], slice, int | None]
"""Its routes by method, the groups of its parts, and which one is the skill."""


def _pattern(path: str) -> str:
    return "/".join(map(_piece, path.lstrip("/").split("/")))


def _piece(part: str) -> str:
    given = _PART.fullmatch(part)
    if given is None:
        return re.escape(part)
    return "(.*)" if given[2] else "([^/]*)"
