"""What an instance may reach on its machine: the list, and when it closes.

It reads what a Python program needs, its own environment and its own code; it
writes to a folder of its own; by TCP it reaches the gateway and the way out. Of
the platform's state, of its user's files and of its fellow instances it sees
nothing, and it signals nobody but what it has started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

from catnap.host import landlock, process
from catnap.host.landlock import Ruleset

_PROGRAMS = tuple(
    f"{prefix}/{part}"
    for prefix in ("/usr", "/usr/local")
    for part in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share")
)
_SYSTEM = (
    *_PROGRAMS,
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/usr/local/cuda"),
    *("/etc/alternatives", "/etc/fonts", "/etc/mime.types", "/etc/localtime", "/etc/timezone"),
    # Certificates, without the private keys beside them.
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/ca-certificates"),
    *("/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf"),
    *("/etc/pki/ca-trust", "/etc/crypto-policies"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload"),
    *("/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf"),
    *("/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols", "/etc/os-release"),
    # The secrets of other processes there are kept from it by the kernel, which
    # lets no confined process look into one that is not confined by it.
    "/proc",
    *("/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_INSTALLED = ("bin", "lib", "lib64", "libexec", "include", "share", "etc", "ssl")
"""Folders of a Python that is installed in one of its own."""

_MEMORY = "/dev/shm"  # noqa: S108 - what multiprocessing keeps its locks in
_MEMORY_RIGHTS = (
    landlock.READ_FILE
    | landlock.WRITE_FILE
    | landlock.TRUNCATE
    | landlock.MAKE_REG
    | landlock.REMOVE_FILE
)
"""Not to list it: what others have there is found by its name alone."""


def readable(state: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What every instance of this interpreter reads, as it is there now. state:
    the platform's folder, if there is one; what holds it is left out."""
    own = [os.path.realpath(path) for path in sys.modules["catnap"].__path__]
    python = [os.path.realpath(sys.executable)]
    python += [f"{sys.base_prefix}/{part}" for part in _INSTALLED]
    if sys.prefix != sys.base_prefix:
        python.append(sys.prefix)
    libraries = environment.get("LD_LIBRARY_PATH", "").split(":")
    wanted = filter(os.path.isabs, (*_SYSTEM, *python, *sys.path, *libraries, *own))
    found = {os.path.realpath(path) for path in wanted if os.path.exists(path)}
    found = {path for path in found if not (state and _holds(path, os.path.realpath(state)))}
    # Fewer rules make a faster start.
    return tuple(
        path for path in sorted(found) if not any(_holds(other, path) for other in found - {path})
    )


def _holds(folder: str, path: str) -> bool:
    return os.path.commonpath((folder, path)) == folder


def prepare(readable: Iterable[str]) -> Ruleset | None:
    """The part of it that can be done before it is known which skill it is;
    None where the kernel cannot confine."""
    abi = landlock.abi()
    if not abi:
        return None
    ruleset = Ruleset(abi)
    ruleset.allow(readable, landlock.READ)
    ruleset.allow(_DEVICES, landlock.READ_FILE | landlock.WRITE_FILE)
    ruleset.allow([_MEMORY], _MEMORY_RIGHTS)
    return ruleset


def close(
    ruleset: Ruleset | None, folder: str, writable: Iterable[str], ports: Iterable[int]
) -> None:
    """Confines this process, as far as the kernel can. folder: its code.
    writable: folders. ports: of TCP, that it connects to."""
    process.renounce()
    if ruleset is not None:
        ruleset.allow([folder], landlock.READ)
        ruleset.allow(writable, landlock.READ | landlock.WRITE)
        ruleset.connect(ports)
        ruleset.enforce()
    if "tempfile" in sys.modules:  # what was preloaded may have asked already
        vars(sys.modules["tempfile"])["tempdir"] = None
