"""A key that the keyring of this machine's user keeps, in the place of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from catnap.errors import InvalidRequest

SERVICE = "catnap"


def kept(home: Path, generate: Callable[[], str]) -> str:
    """The key of a state folder, made where there is none; each has its own.

    May wait for somebody who unlocks the keyring: for a thread. Raises
    InvalidRequest where there is no keyring, or it gives nothing.
    """
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise InvalidRequest(
            "CATNAP_SECRETS_KEY: the keyring is read with the package keyring: "
            "pip install 'catnap-functions[keyring]'"
        ) from None
    name = f"secrets of {home.resolve()}"
    try:
        known = keyring.get_password(SERVICE, name)
        if not known:
            keyring.set_password(SERVICE, name, generate())
            known = keyring.get_password(SERVICE, name)
    except (KeyringError, OSError, RuntimeError) as error:
        raise _unusable(str(error) or type(error).__name__) from None
    if not known:
        raise _unusable("it keeps nothing")
    return known


def _unusable(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"CATNAP_SECRETS_KEY: the keyring of this machine cannot be used: {reason}: unlock it or "
        "install a backend (`keyring diagnose` says which there are), or set "
        "CATNAP_SECRETS_KEY=file"
    )
