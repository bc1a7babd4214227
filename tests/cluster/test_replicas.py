"""Two gateways on a cluster, with Postgres and S3: each is as good as the other, and
either may go."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from catnap.errors import CatnapError
from catnap.http import Client, Target
from tests import goserver, postgres
from tests.cluster.kube import kubectl
from tests.cluster.replicated import Replica, Replicated, node
from tests.cluster.skills import ROOT
from tests.cluster.test_render import differences
from tests.contract import versitygw

pytestmark = pytest.mark.timeout(600)

SKILLS = (
    ROOT / "functions" / "echo",
    ROOT / "tests" / "platform" / "functions" / "keeper",
    ROOT / "tests" / "cluster" / "functions" / "trio",
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def replicated(on_cluster: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    address, program = node() if on_cluster else "", versitygw.find()
    if lacking := postgres.missing():
        pytest.skip(lacking)
    if program is None:
        pytest.skip(versitygw.HOW)
    if not address:
        pytest.skip("Postgres and S3 have to be where pods reach them: no node is this machine")
    folder = tmp_path_factory.mktemp("replicated")
    for each in SKILLS:
        shutil.copytree(each, folder / "functions" / each.name)
    (folder / "s3").mkdir()
    with ExitStack() as parts:
        port = goserver.free_port(address)
        store = parts.enter_context(postgres.running(address, port)).far
        bucket = parts.enter_context(versitygw.running(program, folder / "s3", address))
        files = f"s3://{bucket.name}?endpoint={bucket.endpoint}"
        keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
        found = Replicated(folder, folder / "functions", store, files, keys)
        parts.callback(found.remove)
        found.start()
        yield found


@pytest.fixture
def both(replicated: Replicated) -> list[Replica]:
    kubectl(
        *("rollout", "status", "deployment/catnap-gateway", "-n", replicated.install),
        "--timeout=120s",
    )
    both = replicated.replicas()
    assert len(both) == 2
    return both


async def until_told(gateway: Replica, secret: str, wanted: int) -> None:
    """Until it answers with this status. Raises TimeoutError after 5 s."""
    async with asyncio.timeout(5):
        while (await gateway.request("GET", "/skills", key=secret))[0] != wanted:
            await asyncio.sleep(0.1)


def test_what_is_rendered_is_what_the_cluster_has(replicated: Replicated) -> None:
    assert differences(replicated) == ""


async def test_calls_and_files_go_through_either(both: list[Replica]) -> None:
    for here, there in (both, both[::-1]):
        number = next(_numbers)
        status, _, body = await here.request("POST", "/skills/echo", {"n": number})
        assert (status, json.loads(body)) == (200, {"n": number}), body
        path = f"/files/user/of-{number}.txt"
        status, _, body = await here.request("PUT", path, b"written there")
        assert status == 201, body
        status, _, body = await there.request("GET", path)
        assert (status, body) == (200, b"written there")


async def test_a_call_under_a_key_is_made_once_whichever_is_asked(both: list[Replica]) -> None:
    for _ in range(5):
        key = {"Idempotency-Key": f"once {next(_numbers)}"}
        asked = (each.request("POST", "/skills/keeper", {}, key) for each in both * 5)
        answers = await asyncio.gather(*asked)
        assert {status for status, _, _ in answers} == {200}, answers
        assert len({body for _, _, body in answers}) == 1


async def test_a_session_is_at_one_instance_whichever_is_asked(both: list[Replica]) -> None:
    homes = set[str]()
    for _ in range(12):
        session = {"Catnap-Session": f"session {next(_numbers)}"}
        asked = (each.request("POST", "/skills/trio", {}, session) for each in both * 4)
        answers = await asyncio.gather(*asked)
        assert {status for status, _, _ in answers} == {200}, answers
        [home] = {headers["catnap-instance"] for _, headers, _ in answers}
        homes.add(home)
    assert len(homes) > 1  # or it would be no wonder


async def test_a_key_is_good_at_the_other_within_5_s_and_gone_as_soon(
    both: list[Replica],
) -> None:
    for here, there in (both, both[::-1]):
        wanted = {"name": f"key {next(_numbers)}", "roles": ["viewer"]}
        status, _, body = await here.request("POST", "/keys", wanted)
        assert status == 201, body
        made = json.loads(body)
        await until_told(there, made["secret"], 200)
        status, _, body = await here.request("DELETE", f"/keys/{made['key']['id']}")
        assert status in (200, 204), body
        await until_told(there, made["secret"], 401)


class Load:
    """Calls, one after the other, by HTTP connections that are kept and by gRPC."""

    def __init__(self, at: Replicated) -> None:
        self._at = at
        self.made = 0
        self.failed: list[str] = []
        self._ending = False

    async def over_http(self) -> None:
        client, key = Client(), f"Bearer {self._at.key}".encode()
        headers = [(b"authorization", key), (b"content-type", b"application/json")]
        while not self._ending:
            try:
                reply = await client.request(
                    Target.parse(self._at.http), "POST", "/skills/echo", headers, b"1"
                )
                said = await reply.read()
                self._count("" if reply.status == 200 else f"{reply.status} {said!r}")
            except CatnapError as error:
                self._count(repr(error))
        await client.close()

    def over_grpc(self) -> None:
        with self._at.client() as client:
            while not self._ending:
                try:
                    client.invoke("echo", 1)
                    self._count("")
                except CatnapError as error:
                    self._count(repr(error))

    def _count(self, failure: str) -> None:
        self.made += 1
        if failure:
            self.failed.append(failure)

    async def during(self, work: Callable[[], object]) -> None:
        calls = [asyncio.create_task(self.over_http()) for _ in range(3)]
        calls += [asyncio.create_task(asyncio.to_thread(self.over_grpc)) for _ in range(2)]
        try:
            await asyncio.to_thread(work)
        finally:
            self._ending = True
            await asyncio.gather(*calls)


async def test_a_rolling_restart_under_load_fails_no_call(
    replicated: Replicated, both: list[Replica]
) -> None:
    deployment = ("deployment/catnap-gateway", "-n", replicated.install)

    def restart() -> None:
        kubectl("rollout", "restart", *deployment)
        kubectl("rollout", "status", *deployment, "--timeout=300s")
        gone = [f"pod/{each.pod}" for each in both]
        kubectl("wait", *gone, "-n", replicated.install, "--for=delete", "--timeout=120s")

    load = Load(replicated)
    await load.during(restart)
    assert load.failed == []
    assert load.made > 100


async def test_nothing_accepted_is_lost_with_a_gateway_that_is_killed(
    both: list[Replica],
) -> None:
    killed, other = both
    tasks = []
    for _ in range(60):
        asked = {"Prefer": "respond-async"}
        status, _, body = await killed.request("POST", "/skills/keeper", {}, asked)
        assert status == 202, body
        tasks.append(json.loads(body)["task"])
    killed.kill()
    with other.client() as client:
        states = {client.tasks.wait(task, timeout=120).state for task in tasks}
    assert states == {"succeeded"}


async def test_the_audit_of_both_is_whole(both: list[Replica]) -> None:
    for each in both:
        status, _, body = await each.request("GET", "/audit/verify")
        chains = json.loads(body)["chains"]
        assert (status, [one.get("problem", "") for one in chains]) == (200, [""] * len(chains))
        assert sum(one["records"] for one in chains) >= 4
