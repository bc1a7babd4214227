"""The locks of our own images: fresh, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from catnap.services.containers import lock

ROOT = Path(__file__).parents[3]
LOCKS = {
    "host": ([], set[str]()),
    "gateway": (["gateway"], {"uv"}),
    "models": (["models"], {"onnx", "ml-dtypes", "safetensors"}),
}
"""By name: the extras of an image, and what of them it goes without."""

each = pytest.mark.parametrize("name", LOCKS)


def test_a_pin_is_read_with_its_marker_and_all_its_hashes() -> None:
    one, two = "1" * 64, "2" * 64
    text = (
        "# made by hand\n"
        f"Some_Package[extra]==1.2 ; python_version < '3.12' \\\n"
        f"    --hash=sha256:{one} \\\n    --hash=sha256:{two}\n"
        "local @ file:///somewhere --hash=sha256:0\n"
    )
    assert list(lock.pins(text)) == [lock.Pin("some-package", "1.2", (one, two))]


@each
def test_an_image_gets_the_versions_and_hashes_that_are_tested(name: str) -> None:
    """Stale? `make lock` writes them anew."""
    tested = {(pin.name, pin.version): pin for pin in _pins(ROOT / "requirements.lock")}
    for pin in _pins(lock.FOLDER / f"{name}.txt"):
        known = tested[pin.name, pin.version]
        assert set(pin.hashes) == set(known.hashes)


@each
def test_an_image_gets_all_that_its_extras_need(name: str) -> None:
    """Stale? `make lock` writes them anew."""
    extras, without = LOCKS[name]
    roots = {"kubernetes": set[str]()} if name == "gateway" else {}
    needed = _needed({"catnap-functions": set(extras)} | roots) - {"catnap-functions"} - without
    assert {pin.name for pin in _pins(lock.FOLDER / f"{name}.txt")} >= needed


def _pins(path: Path) -> Iterator[lock.Pin]:
    return lock.pins(path.read_text())


def _needed(roots: dict[str, set[str]]) -> set[str]:
    """The packages that these need, themselves among them, as installed here."""
    found: set[str] = set()
    left = [(name, extra) for name, extras in roots.items() for extra in ("", *extras)]
    seen = set(left)
    while left:
        name, extra = left.pop()
        try:
            requires = distribution(name).requires or ()
        except PackageNotFoundError:
            continue
        found.add(lock.canonical(name))
        for text in requires:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                more = [(need.name, each) for each in ("", *need.extras)]
                left += [each for each in more if each not in seen]
                seen.update(more)
    return found
