"""Who calls, may they, is there room, and who has to know: CPU time of each call.

Everything is what the gateway has: credentials, the door, the limits and the
audit, in this process and without a network. A token that was seen before is
the usual one; the first sight of one stands beside the bare check of its
signature, by `cryptography`.
"""

from __future__ import annotations

import asyncio
import base64
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jwt.algorithms import get_default_algorithms

from catnap.access import Credentials, Key, KeyRing, Resource, bearer_token, oidc
from catnap.access.audit import Audit
from catnap.access.audit_record import Entry, called
from catnap.access.audit_rows import TABLES
from catnap.access.audited import Audited
from catnap.access.limiter import Limiter
from catnap.access.limits import EACH, Limit
from catnap.calls.admit import admit
from catnap.calls.call import Call, direct
from catnap.gateway.door import allow
from catnap.services.catalog import Deployed
from catnap.services.describe import Description
from catnap.skills.manifest import parse_manifest
from catnap.store import Store
from tests.access.issuer import AUDIENCE, KEYS, Issuer, jwk, serving

SEEN = 20_000
FIRST = 1_000
ALGORITHMS = ("RS256", "ES256", "EdDSA")
SECRET = "catnap_bench-0123456789"
LIMITS = [
    Limit(tenant=EACH, rate=100_000, concurrent=1000, daily_calls=10**9),
    Limit(tenant=EACH, user=EACH, rate=100_000, daily_compute_ms=1e12),
    Limit(tenant=EACH, skill=EACH, concurrent=1000),
]


def main() -> dict[str, Any]:
    return asyncio.run(_main())


async def _main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, serving() as issuer:
        issuer.show(*(jwk(alg, KEYS[alg], alg) for alg in ALGORITHMS))
        store = Store(Path(folder) / "catnap.db", [TABLES])
        audit = Audit(store, Path(folder) / "audit", b"b" * 32)
        try:
            return await _measured(issuer, audit)
        finally:
            await audit.close()
            store.close()


async def _measured(issuer: Issuer, audit: Audit) -> dict[str, Any]:
    trusted = oidc.Issuer(
        issuer=issuer.url,
        audience=AUDIENCE,
        algorithms=ALGORITHMS,
        tenant="bench",
        roles=("caller",),
    )
    key = Key.of(SECRET, name="bench", roles=("caller",), tenant="bench")
    credentials = Credentials(KeyRing([key]), issuers=[trusted])
    call = _caller(credentials, audit)
    us: dict[str, Any] = {"key": await _median(call, [SECRET] * SEEN)}
    recorded = _caller(credentials, audit, record=True)
    us["recorded"] = await _median(recorded, [SECRET] * SEEN)
    began = time.process_time()
    await audit.flush()
    us["written"] = round((time.process_time() - began) * 1e6 / SEEN, 1)
    now = time.time()
    for alg in ALGORITHMS:
        tokens = [
            issuer.token(alg, kid=alg, exp=now + 3600, iat=now, jti=n) for n in range(FIRST + 1)
        ]
        await call(tokens.pop())  # has the keys read
        us[alg] = {
            "first": await _median(call, tokens),
            "bare": await _median(_bare(alg), tokens),
            "seen": await _median(call, tokens[-1:] * SEEN),
        }
    await credentials.close()
    return {"cpu_us_p50": us}


def _caller(
    credentials: Credentials, audit: Audit, *, record: bool = False
) -> Callable[[str], Awaitable[None]]:
    """What is done for a call, from its credential to its place and its end.
    record: the audit is to have each call, not denials and actions alone."""
    manifest = parse_manifest('name = "echo"\ndescription = "Gives back what it gets."\n')
    deployed, limits = Deployed(manifest=manifest, description=Description()), Limiter(LIMITS)
    event = direct("task", "echo", b"{}", "application/json")
    gateway: Any = None  # of which the door uses nothing

    async def call(bearer: str) -> None:
        now = time.time()
        async with Audited(audit, lambda: ("POST /skills/echo", "127.0.0.1")):
            caller = await credentials.authenticate(bearer_token(f"Bearer {bearer}"), now)
            allow(gateway, caller, "skills.call", Resource(caller.tenant, skill="echo"))
            made = Call(id="task", principal=caller, skill="echo", user="ada", event=event)
            admit(made, deployed, limits, now).end(now)
            if record:
                audit.later(_record(made, now))

    return call


def _record(call: Call, now: float) -> Entry:
    who = {"tenant": call.tenant, "principal": call.principal.name, "user": call.user}
    return called(**who, skill=call.skill, task=call.id, outcome="ok", now=now)


def _bare(alg: str) -> Callable[[str], Awaitable[None]]:
    algorithm = get_default_algorithms()[alg]
    public = KEYS[alg].public_key()

    async def check(token: str) -> None:
        text, _, signature = token.rpartition(".")
        assert algorithm.verify(text.encode(), public, _decoded(signature))

    return check


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def _median(call: Callable[[str], Awaitable[None]], bearers: list[str]) -> float:
    """Microseconds of CPU time of this thread."""
    taken = []
    for bearer in bearers:
        began = time.thread_time_ns()
        await call(bearer)
        taken.append(time.thread_time_ns() - began)
    return round(statistics.median(taken) / 1000, 1)


def table(result: dict[str, Any]) -> str:
    us = result["cpu_us_p50"]
    lines = [
        f"key seen before   {us['key']} us",
        f"  and recorded    {us['recorded']} us, and {us['written']} us on all threads to write it",
    ]
    for alg in ALGORITHMS:
        each = us[alg]
        lines.append(
            f"{alg:<6} token      {each['seen']} us seen before   "
            f"{each['first']} us at first sight   {each['bare']} us its bare signature"
        )
    return "\n".join(lines)
