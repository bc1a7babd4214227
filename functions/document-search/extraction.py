"""Files to text."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import PurePosixPath

ENDINGS = (".txt", ".md", ".html", ".pdf")
MAX_BYTES = 50_000_000
"""Bytes of a file."""
MAX_CHARACTERS = 10_000_000
"""Characters of a file's text."""

_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NO_TEXT = ("script", "style", "template", "noscript", "head")
_BLOCKS = (
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption"),
    *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"),
    *("nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
)


class Unreadable(Exception):
    """The file has no text to be had; the message says why, for its owner."""


def is_document(key: str) -> bool:
    return key.lower().endswith(ENDINGS)


def extract(key: str, data: bytes) -> str:
    """The text of a file, by its ending. Raises Unreadable.

    Offsets of passages count characters of this.
    """
    ending = PurePosixPath(key).suffix.lower()
    text = {".html": _html, ".pdf": _pdf}.get(ending, _plain)(data)
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"its text has more than {MAX_CHARACTERS:,} characters")
    # NUL ends a text for SQLite, and half a surrogate pair is no character.
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _plain(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8-sig", "replace")


def _html(data: bytes) -> str:
    from bs4 import BeautifulSoup  # only an index run needs it, not a question

    page = BeautifulSoup(data, "html.parser")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    for tag in page(_NO_TEXT):
        tag.decompose()
    for node in page(string=True):
        if not node.find_parent("pre"):
            node.replace_with(re.sub(r"\s+", " ", node))
    for tag in page(_BLOCKS):
        tag.insert_before("\n")
        tag.insert_after("\n")
    lines = [" ".join(line.split()) for line in page.get_text().split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return f"{title}\n\n{text}" if title else text


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader  # only an index run needs it, not a question

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it is encrypted")
        return "\n\n".join(page.extract_text() for page in reader.pages)
    except Unreadable:
        raise
    except Exception as error:  # whatever a broken file makes the reader do
        raise Unreadable(f"it is no PDF that can be read: {error}") from error
