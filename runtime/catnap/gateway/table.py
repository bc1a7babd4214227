"""Routes as data: a method, a path, what its caller has to be allowed, and who
answers. Adding a route is adding a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from catnap.access import Action
from catnap.errors import NotFound
from catnap.http import Response
from catnap.http.errors import MethodNotAllowed

Public = Literal["public"]
PUBLIC: Public = "public"

Handler = Callable[..., Awaitable[Response]]
"""Called as `handler(gateway, caller, request, *parts)`."""

Proof = Callable[..., Awaitable[Any]]
"""Called as `proof(gateway, request)`; gives the caller."""


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a table.

    path: what is in braces is given to the handler, in this order. `{skill}` is
    what the decision is about, too; `{key...}`, as the last one, is all that
    follows. action: PUBLIC where nobody is turned away. proof: where the caller
    is known by something else than the surface's usual credential. any_tenant:
    `?tenant=` names the tenant that it is about.
    """

    method: str
    path: str
    action: Action | Public
    handler: Handler
    proof: Proof | None = None
    any_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request. parts: of its path, for the handler. skill: that
    it is about, empty for none."""

    route: Route
    parts: list[str]
    skill: str


class Table:
    """The first path that fits is taken. hint: what there is, for who asks for
    something else."""

    def __init__(self, routes: Iterable[Route], hint: str = "") -> None:
        self._routes = tuple(routes)
        self._hint = hint
        self._sized: defaultdict[tuple[str, int], list[_Path]] = defaultdict(list)
        """By the path's first part, which is never in braces, and its length."""
        self._open: defaultdict[str, list[_Path]] = defaultdict(list)
        """Those that take all that follows, by the first part."""
        paths: dict[str, _Path] = {}
        for route in self._routes:
            path = paths.get(route.path)
            if path is None:
                path = paths[route.path] = _Path(route.path)
                if path.open:
                    self._open[path.first].append(path)
                else:
                    self._sized[path.first, path.length].append(path)
            path.routes[route.method] = route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, method: str, path: str) -> Found:
        """Raises NotFound, which says what there is, and MethodNotAllowed."""
        parts = path.lstrip("/").split("/")
        for each in self._sized.get((parts[0], len(parts)), ()):
            if each.fits(parts):
                return each.find(method, path, parts)
        for each in self._open.get(parts[0], ()):
            if len(parts) >= each.length and each.fits(parts):
                return each.find(method, path, each.joined(parts))
        raise NotFound(f"there is nothing at {path!r}: {self._near(parts[0])}")

    def _near(self, first: str) -> str:
        """What there is below the path's first part, or the hint."""
        methods: defaultdict[str, list[str]] = defaultdict(list)
        for route in self._routes:
            if route.path.split("/")[1] == first:
                methods[route.path].append(route.method)
        return ", ".join(f"{' or '.join(each)} {path}" for path, each in methods.items()) or (
            self._hint
        )


class _Path:
    """The routes of one path."""

    def __init__(self, path: str) -> None:
        first, *rest = path.removeprefix("/").split("/")
        self.first = first
        self.length = 1 + len(rest)
        self.open = rest[-1:] != [] and rest[-1].endswith("...}")
        self.routes: dict[str, Route] = {}
        places = [(at, part) for at, part in enumerate(rest, 1)]
        self._fixed = [(at, part) for at, part in places if not part.startswith("{")]
        self._given = [at for at, part in places if part.startswith("{")]
        self._skill = next((at for at, part in places if part == "{skill}"), None)

    def fits(self, parts: list[str]) -> bool:
        for at, part in self._fixed:  # noqa: SIM110 (half the time of all())
            if parts[at] != part:
                return False
        return True

    def joined(self, parts: list[str]) -> list[str]:
        last = self.length - 1
        return [*parts[:last], "/".join(parts[last:])]

    def find(self, method: str, path: str, parts: list[str]) -> Found:
        route = self.routes.get(method)
        if route is None:
            methods = tuple(self.routes)
            raise MethodNotAllowed(
                f"{method} is not answered at {path!r}: use {', '.join(methods)}", methods
            )
        if "%" in path:
            parts = [unquote(part) for part in parts]
        skill = parts[self._skill] if self._skill is not None else ""
        return Found(route, [parts[at] for at in self._given], skill)
