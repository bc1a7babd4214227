"""Credentials that `catnap login` keeps: one for each address, in a file that
its owner alone can read."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest


def place(environment: Mapping[str, str]) -> Path:
    """Where the file is: keys.json in catnap's folder of the user's settings.
    Source: XDG Base Directory Specification."""
    config = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(config) if config.startswith("/") else Path.home() / ".config"
    return folder / "catnap" / "keys.json"


def given(address: str, environment: Mapping[str, str]) -> str:
    """CATNAP_TOKEN or else what was kept for the address; empty where nothing
    was. Raises as `kept`."""
    return environment.get("CATNAP_TOKEN", "") or kept(place(environment), address)


def kept(file: Path, address: str) -> str:
    """Empty where there is none. Raises InvalidRequest, naming the file, where
    others can read or write it or where it holds something else."""
    return _read(file).get(address.lower(), "")


def keep(file: Path, token: str, *addresses: str) -> None:
    """In the place of what was kept for these addresses. Raises as `kept`."""
    _write(file, {**_read(file), **{each.lower(): token for each in addresses}})


def forget(file: Path, *addresses: str) -> bool:
    """Whether there was one for any of them. Raises as `kept`."""
    found = _read(file)
    left = {each: token for each, token in found.items() if each not in map(str.lower, addresses)}
    if left != found:
        _write(file, left)
    return left != found


def _read(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise InvalidRequest(
            f"{file}: others can read or write it (mode {stat.S_IMODE(mode):04o}), so its keys may "
            f"be known: remove it and log in again, or `chmod 600 {file}`"
        )
    try:
        return msgspec.json.decode(content, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(f"{file}: holds no keys: remove it and log in again") from None


def _write(file: Path, tokens: dict[str, str]) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and moved: whoever reads meanwhile finds all of either.
        aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(msgspec.json.format(msgspec.json.encode(tokens), indent=2) + b"\n")
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be written: {error.strerror}") from None
