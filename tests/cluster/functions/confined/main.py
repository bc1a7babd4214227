import os
from pathlib import Path
from typing import Any

import msgspec

from catnap import Context, skill

PLACES = ("/", "/usr", "/var", "/run", "/home", "/opt")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Order(msgspec.Struct):
    connect: str = ""
    """A host to ask the egress proxy for."""


@skill
async def confined(ctx: Context, order: Order) -> dict[str, Any]:
    if order.connect:
        return {"answer": await _ask(ctx.proxy, order.connect)}
    return {
        "uid": os.getuid(),
        "token": SERVICE_ACCOUNT.exists(),
        "writable": [place for place in PLACES if _writable(Path(place))],
        "environment": sorted(os.environ),
        "mounts": [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()],
    }


def _writable(folder: Path) -> bool:
    try:
        (folder / "written").write_bytes(b"")
    except OSError:
        return False
    return True


async def _ask(proxy: str, host: str) -> str:
    """The status line that the proxy answers a CONNECT with."""
    import asyncio
    import base64
    from urllib.parse import urlsplit

    where = urlsplit(proxy)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    login = base64.b64encode(f"{where.username}:{where.password}".encode()).decode()
    writer.write(
        f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n"
        f"Proxy-Authorization: Basic {login}\r\n\r\n".encode()
    )
    line = await reader.readline()
    writer.close()
    return line.decode().strip()
