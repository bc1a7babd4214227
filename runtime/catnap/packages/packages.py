"""The index as one skill may see it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet

from catnap.errors import InvalidRequest, NotFound, PermissionDenied, Unavailable
from catnap.packages.address import Index
from catnap.packages.bounds import Bounds
from catnap.packages.mirror import Mirror
from catnap.packages.page import Page, Wheel, name_in, render_page
from catnap.packages.reach import Roots, bounds_of, reached
from catnap.skills.requirements import Requirement, normalized, parse_requirement

REQUIREMENTS = 64
"""That one install may name."""

_BLOCK = 1 << 18
_WHERE = "allow under [packages] of its skill.toml"


class Packages:
    """allow: in each method, what the skill that asks has under `[packages]`.
    Raises PermissionDenied for what that does not lead to, and as Mirror does."""

    def __init__(
        self,
        index: Index,
        folder: Path,
        now: Callable[[], float] = time.time,
        bounds: Bounds = Bounds(),  # noqa: B008 (it is frozen)
    ) -> None:
        """folder: for what is kept. now: seconds since the epoch."""
        self._mirror = Mirror(index, folder, now, bounds)

    async def check(self, allow: Sequence[str], asked: Iterable[str]) -> None:
        """Whether these requirements may be installed, and can be: what an
        installer would say less plainly. Raises InvalidRequest, too."""
        requirements = [parse_requirement(each) for each in asked]
        if len(requirements) > REQUIREMENTS:
            raise InvalidRequest(f"one install names at most {REQUIREMENTS} requirements")
        roots = Roots(allow)
        for each in requirements:
            _check_allowed(each, roots, allow)
        for each in requirements:
            await self._check_there(each, roots)

    async def page(self, allow: Sequence[str], name: str) -> bytes:
        """The wheels of a package, as PEP 691 writes them."""
        roots = Roots(allow)
        await self._check_reach(roots, normalized(name))
        page = await self._mirror.page(normalized(name))
        return await self._mirror.run(_rendered, page, roots)

    async def metadata(self, allow: Sequence[str], sha256: str, filename: str) -> bytes:
        """Of a wheel that a page has told of."""
        return await self._mirror.metadata(*await self._find(allow, sha256, filename))

    async def wheel(
        self, allow: Sequence[str], sha256: str, filename: str
    ) -> tuple[int, AsyncIterator[bytes]]:
        """Its size and content."""
        _, wheel = await self._find(allow, sha256, filename)
        path = await self._mirror.wheel(wheel)
        try:
            return path.stat().st_size, self._blocks(path)
        except OSError as error:
            raise Unavailable(f"{filename} cannot be read: {error}") from error

    def close(self) -> None:
        self._mirror.close()

    async def _blocks(self, path: Path) -> AsyncIterator[bytes]:
        file = await self._mirror.run(path.open, "rb")
        with file:
            while block := await self._mirror.run(file.read, _BLOCK):
                yield block

    async def _find(self, allow: Sequence[str], sha256: str, filename: str) -> tuple[str, Wheel]:
        name = name_in(filename)
        if not name:
            raise NotFound(f"{filename[:200]!r} is no wheel's name")
        roots = Roots(allow)
        await self._check_reach(roots, name)
        page = await self._mirror.page(name)
        for each in page.wheels:
            same = each.sha256 == sha256 and each.filename == filename
            if same and roots.allows(name, each.version):
                return name, each
        raise NotFound(f"the index has no {filename!r} of that hash that is allowed")

    async def _check_reach(self, roots: Roots, name: str) -> None:
        if name in roots.bounds:
            return
        if name not in await self._mirror.run(reached, roots, self._mirror.known):
            raise PermissionDenied(
                f"{name!r} is neither allowed nor needed by what is: {_WHERE} has "
                f"{_listed(roots.bounds)}"
            )

    async def _check_there(self, asked: Requirement, roots: Roots) -> None:
        bounds = bounds_of(asked)
        page = await self._mirror.page(asked.name)
        fitting = await self._mirror.run(_fitting, page, bounds)
        if not page.wheels and page.others:
            raise InvalidRequest(
                f"{asked.name}: the index has it as sources alone, and nothing is built here: "
                "take a package that has wheels"
            )
        if not fitting:
            raise InvalidRequest(f"{asked}: the index has no wheel of such a version")
        if not any(roots.allows(asked.name, each.version) for each in fitting):
            raise PermissionDenied(
                f"{asked} may not be installed: {_WHERE} has other versions of it"
            )


def _rendered(page: Page, roots: Roots) -> bytes:
    wheels = tuple(each for each in page.wheels if roots.allows(page.name, each.version))
    return render_page(page.name, wheels)


def _fitting(page: Page, bounds: SpecifierSet) -> list[Wheel]:
    return [each for each in page.wheels if bounds.contains(each.version, prereleases=True)]


def _check_allowed(asked: Requirement, roots: Roots, allow: Sequence[str]) -> None:
    if asked.name not in roots.bounds:
        raise PermissionDenied(
            f"{asked.name!r} may not be installed: add it to {_WHERE}, which has {_listed(allow)}"
        )
    if more := sorted(set(asked.extras) - roots.extras[asked.name]):
        raise PermissionDenied(
            f"{asked} may not be installed: extras are allowed by name, so write "
            f"{asked.name}[{','.join(more)}] in {_WHERE}"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
