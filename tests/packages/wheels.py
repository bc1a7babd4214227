"""Wheels of the tests' own."""

from __future__ import annotations

import hashlib
import io
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """As an index has it. sha256: that it promises."""

    filename: str
    content: bytes
    sha256: str


def wheel(
    name: str,
    version: str = "1.0",
    requires: Sequence[str] = (),
    modules: Mapping[str, str] | None = None,
    *,
    about: str = "",
) -> File:
    """One for any Python. modules: source by path; by default one of the
    package's name, with its version as `value`. about: METADATA, where it lies."""
    plain = name.replace("-", "_")
    info = f"{plain}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    extras = {
        each.partition("extra ==")[2].strip(" '\"") for each in requires if "extra ==" in each
    }
    needs += "".join(f"Provides-Extra: {each}\n" for each in sorted(extras))
    files = dict(modules) if modules is not None else {f"{plain}.py": f"value = {version!r}\n"}
    files[f"{info}/METADATA"] = (
        about or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    )
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            # Always of one day, so that the same wheel has the same hash.
            archive.writestr(zipfile.ZipInfo(path), text)
    return file(f"{plain}-{version}-py3-none-any.whl", content.getvalue())


def file(filename: str, content: bytes = b"", sha256: str = "") -> File:
    return File(filename, content, sha256 or hashlib.sha256(content).hexdigest())


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
