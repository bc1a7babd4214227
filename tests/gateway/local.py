"""A gateway in the test's own process, its skills on this machine."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from catnap.access import Key
from catnap.gateway.gateway import Gateway
from catnap.gateway.hosts import Hosts
from catnap.gateway.routes import Routes
from catnap.gateway.settings import Settings
from catnap.http import Server, Target

ADMIN = "admin-key-0123456789"
ACME, RIVAL = "acme-key-0123456789", "rival-key-0123456789"
KEYS = (
    Key.of(ACME, name="acme", roles=("caller",), tenant="acme"),
    Key.of(RIVAL, name="rival", roles=("caller",), tenant="rival"),
)


@asynccontextmanager
async def started(
    folder: Path,
    *skills: Path,
    hosts: Callable[[Gateway], Hosts] = Hosts,
    platform: str = "local",
    keys: tuple[Key, ...] = KEYS,
    audit: str = "actions",
    files: str = "",
    store: str = "",
    models_file: Path | None = None,
    traces: Path | None = None,
) -> AsyncIterator[tuple[Gateway, Target]]:
    """The gateway, and where it listens. It has no models but those of models_file.
    platform: where the
    skills run; a cluster is that of KUBECONFIG. audit: what is recorded.
    files: a bucket. store: what several gateways share. traces: where spans go."""
    (folder / "functions").mkdir(exist_ok=True)
    for skill in skills:
        shutil.copytree(skill, folder / "functions" / skill.name)
    settings = Settings(
        home=folder / "home",
        functions=folder / "functions",
        admin_key=ADMIN,
        keys=keys,
        reload=False,
        models="127.0.0.1:1",
        models_file=models_file,
        platform=platform,
        audit=audit,
        files=files,
        store=store,
        traces=traces,
    )
    async with AsyncExitStack() as parts:
        gateway = Gateway(settings, lambda _: None)
        parts.push_async_callback(gateway.stop)
        routes = Routes(gateway, hosts(gateway))
        parts.push_async_callback(routes.close)
        server = Server(routes)
        where = Target(*await server.listen(host="127.0.0.1"))
        parts.push_async_callback(server.drain, 1)
        await gateway.start(str(where), egress="")
        yield gateway, where


def make_skill(folder: Path, name: str, source: str, more: str = "") -> Path:
    """A skill below a folder, for `started`. more: of its manifest."""
    made = folder / "skills" / name
    made.mkdir(parents=True)
    (made / "skill.toml").write_text(f'name = "{name}"\ndescription = "For a test."\n{more}')
    (made / "main.py").write_text(source)
    return made
