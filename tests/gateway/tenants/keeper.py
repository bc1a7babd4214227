"""Who keeps a tenant's keys: what they do, and a model of the keys."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.gateway.tenants.operation import Operation
from tests.gateway.tenants.reach import Reach
from tests.gateway.tenants.surfaces import Credential, OverHttp

NAMES = 4


@dataclass
class Keeper:
    """mark: what the names of this run end in; others' keys are left alone."""

    reach: Reach
    tenant: str
    key: str
    mark: str
    secrets: dict[str, str] = field(default_factory=dict)
    """Of the keys that are good, by name."""
    dead: list[str] = field(default_factory=list)
    """Secrets that are good no more."""
    ids: dict[str, str] = field(default_factory=dict)
    """Of the keys that are good, by name."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Those of the guest whom every key is for."""
    _texts: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    @property
    def guest(self) -> str:
        return f"guest-{self.mark}"

    async def do(self, operation: Operation, other: Keeper) -> None:
        name = f"core-{operation.number % NAMES}-{self.mark}"
        match operation.kind:
            case "create":
                await self.create(name)
            case "rotate":
                await self._rotate(name)
            case "revoke":
                await self._revoke(name)
            case "list":
                await self._list()
            case "use":
                await self._use(name, operation.key)
            case "trespass":
                await self._trespass(other)

    async def create(self, name: str, user: str = "") -> str:
        """The secret; empty where the name is taken."""
        wanted = {"name": name, "roles": ["caller"], "user": user or self.guest}
        status, made = await self.reach.ask("POST", "/keys", wanted, self.key)
        if name in self.secrets:
            assert status == 409
            return ""
        assert status == 201, made
        self._made(name, made)
        return self.secrets[name]

    def _made(self, name: str, made: dict[str, dict[str, str] | str]) -> None:
        assert isinstance(made["secret"], str)
        assert isinstance(made["key"], dict)
        assert made["key"]["tenant"] == self.tenant
        self.secrets[name] = made["secret"]
        self.ids[name] = made["key"]["id"]

    async def _rotate(self, name: str) -> None:
        path = f"/keys/{name}/rotate"
        status, made = await self.reach.ask("POST", path, {"overlap": 0}, self.key)
        if name not in self.secrets:
            assert status == 404
            return
        assert status == 201, made
        self.dead.append(self.secrets[name])
        self._made(name, made)

    async def _revoke(self, name: str) -> None:
        status, _ = await self.reach.ask("DELETE", f"/keys/{name}", key=self.key)
        assert status == (200 if name in self.secrets else 404)
        self.ids.pop(name, "")
        self.dead += filter(None, [self.secrets.pop(name, "")])

    async def _list(self) -> None:
        status, found = await self.reach.ask("GET", "/keys", key=self.key)
        assert status == 200
        assert {each["key"]["tenant"] for each in found["keys"]} <= {self.tenant}
        live = {
            each["key"]["id"]
            for each in found["keys"]
            if each["state"] == "live" and each["key"]["name"].endswith(f"-{self.mark}")
        }
        assert live == set(self.ids.values())

    async def _use(self, name: str, key: str) -> None:
        for secret in self.dead[-2:]:
            assert (await self.reach.ask("GET", "/files", key=secret))[0] == 401
        if name not in self.secrets:
            return
        files = OverHttp(Credential(self.reach, self.secrets[name]))
        self.files[key] = f"{self.tenant} {self.guest} {self._texts()}".encode()
        await files.put("user", key, self.files[key])
        assert await files.keys("user", "") == sorted(self.files, key=str.encode)

    async def _trespass(self, other: Keeper) -> None:
        assert other.tenant != self.tenant
        for method, path in (
            ("GET", "/keys"),
            ("POST", "/keys"),
            *(("DELETE", f"/keys/{each}") for each in list(other.ids.values())[:1]),
        ):
            query = f"?tenant={other.tenant}"
            assert (await self.reach.ask(method, path + query, {}, self.key))[0] == 403
        for each in list(other.ids.values()):
            assert (await self.reach.ask("DELETE", f"/keys/{each}", key=self.key))[0] == 404
            asked = await self.reach.ask("POST", f"/keys/{each}/rotate", {}, self.key)
            assert asked[0] == 404
