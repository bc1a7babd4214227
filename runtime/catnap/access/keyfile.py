"""Secrets that a state folder keeps: generated once, readable by one user."""

from __future__ import annotations

import os
import secrets
import stat
import string
from collections.abc import Callable
from pathlib import Path

from catnap.errors import InvalidRequest

_BASE62 = string.digits + string.ascii_letters
_LONGEST = 1024


def random_text() -> str:
    """At least 256 random bits as 43 letters and digits."""
    return "".join(secrets.choice(_BASE62) for _ in range(43))


def kept(path: Path, generate: Callable[[], str]) -> str:
    """The secret in a file, which is made with mode 0600 where there is none.

    Of several processes that make it at once all get the same. Raises
    InvalidRequest, naming the file, where others may read it, where it is a
    link, or where it holds nothing.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        _create(path, generate())
        return _read(path)


def _is_given(status: os.stat_result) -> bool:
    """Whether root keeps it for our group, as a Secret is mounted into a pod."""
    return status.st_uid == 0 != os.geteuid() and status.st_gid == os.getegid()


def _create(path: Path, secret: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written aside and linked: whoever finds the name finds all of the secret.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(aside)
    except FileExistsError:
        pass  # another process was first
    finally:
        aside.unlink()


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot be read as a key file: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidRequest(f"{path}: is no file, so no key can be in it: remove it")
        if status.st_mode & (0o037 if _is_given(status) else 0o077):
            raise InvalidRequest(
                f"{path}: others can read or write it (mode {stat.S_IMODE(status.st_mode):04o}), "
                f"so its key may be known: remove it and start again, or `chmod 600 {path}`"
            )
        text = os.read(descriptor, _LONGEST).decode("latin-1").strip()
    finally:
        os.close(descriptor)
    if len(text) < 32 or not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidRequest(f"{path}: holds no key: remove it, and the next start makes one")
    return text
