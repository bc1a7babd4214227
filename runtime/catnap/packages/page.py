"""What an index has of one package: its wheels, from either form of a page.

Source: PEP 503, 592, 658, 691, 700 and 714.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, unquote, urldefrag, urljoin

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from catnap.errors import Unavailable
from catnap.packages.address import Index
from catnap.packages.upstream import Document

KIND = "application/vnd.pypi.simple.v1+json"
FILES = 50_000
"""That one page may name."""

LARGEST = 1 << 53
"""Bytes of a file that an index may say."""

_FILENAME = re.compile(r"[A-Za-z0-9._!+-]{1,250}\.whl\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Wheel(msgspec.Struct, frozen=True):
    """metadata: the sha256 of what the index has beside it; empty where that is
    to be read from the wheel. yanked: whether, or why. size: 0 where unknown."""

    filename: str
    version: str
    url: str
    sha256: str
    metadata: str = ""
    requires_python: str = ""
    yanked: bool | str = False
    size: int = 0


class Page(msgspec.Struct, frozen=True):
    """others: how many files are no wheels, or none that can be taken."""

    name: str
    wheels: tuple[Wheel, ...]
    others: int = 0


class _File(msgspec.Struct, rename="kebab"):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None
    yanked: bool | str = False
    size: int | None = None


class _Json(msgspec.Struct):
    files: list[_File]


def parse_page(name: str, document: Document, index: Index) -> Page:
    """The wheels of a normalized name that can be checked by their hash and
    come from where the index permits. Raises Unavailable for what is no page."""
    if document.kind == KIND:
        try:
            files = msgspec.json.decode(document.content, type=_Json).files
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(f"the index's page of {name} cannot be read: {error}") from None
    elif document.kind == "text/html":
        files = _Links(document.content.decode(errors="replace")).files
    else:
        raise Unavailable(f"the index answers for {name} with {document.kind}, no page")
    if len(files) > FILES:
        raise Unavailable(f"the index's page of {name} names more than {FILES:,} files")
    wheels = tuple(_wheels(name, files, document.url, index))
    return Page(name, wheels, len(files) - len(wheels))


def render_page(name: str, wheels: tuple[Wheel, ...]) -> bytes:
    """As an installer reads it, with links into our own folder of files. Each
    has its metadata there, so that no wheel need be read for that."""
    files = [
        {
            "filename": wheel.filename,
            "url": f"../../files/{wheel.sha256}/{quote(wheel.filename)}",
            "hashes": {"sha256": wheel.sha256},
            "requires-python": wheel.requires_python or None,
            "core-metadata": True,
            "yanked": wheel.yanked,
            **({"size": wheel.size} if wheel.size else {}),
        }
        for wheel in wheels
    ]
    versions = list(dict.fromkeys(wheel.version for wheel in wheels))
    page = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}
    return msgspec.json.encode(page)


def name_in(filename: str) -> str:
    """The normalized name in a wheel's; empty for what names no wheel."""
    return _parse(filename)[0]


def _wheels(name: str, files: list[_File], base: str, index: Index) -> Iterator[Wheel]:
    for file in files:
        found, version = _parse(file.filename)
        try:
            url = urldefrag(urljoin(base, file.url)).url
        except ValueError:
            continue
        sha256 = file.hashes.get("sha256", "").lower()
        if found != name or not _SHA256.match(sha256) or not index.permits(url):
            continue
        about = file.core_metadata if file.core_metadata is not None else file.dist_info_metadata
        beside = about.get("sha256", "").lower() if isinstance(about, dict) else ""
        yield Wheel(
            file.filename,
            version,
            url,
            sha256,
            beside if _SHA256.match(beside) else "",
            file.requires_python or "",
            file.yanked,
            size if 0 < (size := file.size or 0) <= LARGEST else 0,
        )


def _parse(filename: str) -> tuple[str, str]:
    """Name and version; nothing where it is no wheel's, or has what no name of
    a file on an index needs."""
    if not _FILENAME.match(filename):
        return "", ""
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return "", ""
    return name, str(version)


class _Links(HTMLParser):
    """The files that an HTML page links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[_File] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        href = given.get("href")
        if tag != "a" or not href:
            return
        url, fragment = urldefrag(href)
        yanked = given.get("data-yanked", "") or True if "data-yanked" in given else False
        self.files.append(
            _File(
                unquote(url.rpartition("/")[2]),
                url,
                _hashes(fragment),
                given.get("data-requires-python"),
                _hashes(given.get("data-core-metadata")),
                _hashes(given.get("data-dist-info-metadata")),
                yanked,
            )
        )


def _hashes(text: str | None) -> dict[str, str]:
    name, equals, value = (text or "").partition("=")
    return {name: value} if equals else {}
