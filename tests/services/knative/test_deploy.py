"""A deploy's whole way, with real skills and images that are there already."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import Conflict, InvalidRequest, PermissionDenied, SkillCrashed, Unavailable
from catnap.services.cluster.install import Install
from catnap.services.containers import BuildSettings
from catnap.services.knative.deploy import deploy
from catnap.services.knative.order import Deployed, Order
from tests.services.knative.statuses import TRACEBACK, condition, pod, terminated
from tests.services.knative.toycluster import Object, ToyCluster, ready, running

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: int) -> int: return request\n"
SERVICES = "/apis/serving.knative.dev/v1/namespaces/catnap-default/services"
STORE = "postgresql://catnap@db/catnap"
MINE = b64encode(b"mine").decode()
SECRET = "/api/v1/namespaces/catnap/secrets/catnap-admin"


@dataclass
class World:
    cluster: ToyCluster
    folder: Path
    home: Path
    said: list[tuple[str, str, str]] = field(default_factory=list)

    def write(self, name: str, main: str = MAIN, toml: str = "") -> None:
        folder = self.folder / "functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "skill.toml").write_text(f'name = "{name}"\ndescription = "d"\n{toml}')
        (folder / "main.py").write_text(main)

    async def deploy(
        self, *names: str, dry_run: bool = False, store: str = "", **changed: Any
    ) -> Deployed:
        self.cluster.written.clear()
        images = {name: f"dev.local/{name}:1" for name in names}
        order = Order(
            folders=tuple(self.folder / "functions" / name for name in names),
            home=self.home,
            install=Install(),
            models=("minilm-l6-v2",),
            build=BuildSettings(),
            images={"catnap-gateway": "g:1", "catnap-models": "m:1", **images},
            timeout=60,
        )
        order = replace(order, **changed)
        secrets = {
            "catnap-admin": {"key": "the-key"},
            "catnap-keys": {"grant.key": "g", "secrets.key": "s"},
        }
        if store:
            secrets["catnap-store"] = {"uri": store}
        return await deploy(self.cluster.api(), order, secrets, self._tell, dry_run=dry_run)

    def _tell(self, label: str, state: str, text: str, trouble: str = "") -> None:
        self.said.append((label, state, text))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a skill says of itself is kept there, so that each is loaded once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def world(tmp_path: Path, home: Path) -> Iterator[World]:
    with running(tmp_path) as cluster:
        yield World(cluster, tmp_path, home)


def problems(done: Deployed) -> dict[str, str]:
    return {each.label: each.problem.message for each in done.results if each.problem}


async def test_all_of_it_is_applied_and_what_others_need_comes_first(world: World) -> None:
    world.write("echo")
    done = await world.deploy("echo")
    assert problems(done) == {}
    assert {each.label: each.ready for each in done.results} == {
        "catnap-gateway": True,
        "catnap-models": True,
        "echo": True,
    }
    wrote = world.cluster.written
    order = [
        "PATCH namespaces catnap",
        "POST secrets catnap-admin",
        "PATCH deployments catnap-gateway",
        "PATCH services echo",
    ]
    assert sorted(order, key=wrote.index) == order


async def test_a_second_deploy_without_a_change_writes_nothing(world: World) -> None:
    world.write("echo")
    await world.deploy("echo")
    again = await world.deploy("echo")
    assert world.cluster.written == []
    assert again.applied == ()
    assert {each.verdict for each in again.planned} == {"unchanged"}


async def test_only_what_differs_is_applied(world: World) -> None:
    world.write("echo")
    world.write("other")
    await world.deploy("echo", "other")
    world.write("echo", toml="[limits]\ntimeout = '17s'\n")
    done = await world.deploy("echo", "other")
    assert world.cluster.written == ["PATCH services echo"]
    [changed] = done.applied
    found = {each.path: (each.old, each.new) for each in changed.changes}
    assert found["spec.template.spec.timeoutSeconds"] == (300, 17)


async def test_a_dry_run_writes_nothing_and_says_what_it_could_not_validate(world: World) -> None:
    world.write("echo")
    done = await world.deploy("echo", dry_run=True)
    assert world.cluster.written == []
    [service] = [each for each in done.planned if each.title.endswith("catnap-default/echo")]
    assert (service.verdict, service.unchecked) == ("create", True)
    assert {each.ready for each in done.results} == {None}


async def test_a_store_outside_makes_replicas_then_and_on_every_later_deploy(world: World) -> None:
    await world.deploy(store=STORE, bucket=True)
    again = await world.deploy(bucket=True)
    assert {each.verdict for each in again.planned} == {"unchanged"}
    spec = world.cluster.get("/apis/apps/v1/namespaces/catnap/deployments/catnap-gateway")["spec"]
    assert spec["replicas"] == 2
    assert world.cluster.names("/api/v1/persistentvolumeclaims") == []
    assert world.cluster.names("/api/v1/secrets") == [
        "catnap/catnap-admin",
        "catnap/catnap-keys",
        "catnap/catnap-store",
    ]


async def test_keys_in_common_are_made_once_and_then_kept(world: World) -> None:
    await world.deploy(store=STORE, bucket=True)
    path = "/api/v1/namespaces/catnap/secrets/catnap-keys"
    world.cluster.get(path)["data"] = {"grant.key": MINE}
    await world.deploy(bucket=True)
    assert world.cluster.get(path)["data"] == {"grant.key": MINE}


async def test_another_store_than_the_clusters_and_files_on_no_bucket_are_refused(
    world: World,
) -> None:
    with pytest.raises(InvalidRequest, match="CATNAP_FILES"):
        await world.deploy(store=STORE)
    await world.deploy(store=STORE, bucket=True)
    with pytest.raises(InvalidRequest, match="CATNAP_FILES"):
        await world.deploy()
    with pytest.raises(Conflict, match="catnap-store names another"):
        await world.deploy(store=STORE + "2", bucket=True)
    files = {"data": {"CATNAP_FILES": MINE}}
    world.cluster.put("/api/v1/namespaces/catnap/secrets/catnap-files", files)
    await world.deploy()


async def test_a_certificate_that_is_there_is_shown_then_and_on_every_later_deploy(
    world: World,
) -> None:
    await world.deploy()
    world.cluster.put("/api/v1/namespaces/catnap/secrets/catnap-tls", {"data": {"tls.crt": MINE}})
    await world.deploy()
    again = await world.deploy()
    assert {each.verdict for each in again.planned} == {"unchanged"}
    [container] = world.cluster.get("/apis/apps/v1/namespaces/catnap/deployments/catnap-gateway")[
        "spec"
    ]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert (env["CATNAP_HTTP"], env["CATNAP_PLAIN"]) == ("0.0.0.0:8443", "0.0.0.0:8080")
    assert "CATNAP_TLS_CLIENT_CA" not in env
    service = world.cluster.get("/api/v1/namespaces/catnap/services/catnap-gateway")
    assert {each["name"]: each["port"] for each in service["spec"]["ports"]}["https"] == 443


async def test_the_platforms_key_is_made_once_and_then_kept(world: World) -> None:
    await world.deploy()
    world.cluster.get(SECRET)["data"] = {"key": MINE}
    await world.deploy()
    assert world.cluster.get(SECRET)["data"] == {"key": MINE}


@pytest.mark.parametrize(
    ("main", "toml", "says"),
    [
        ("import nothing_of_that_name\n", "", "nothing_of_that_name"),
        (MAIN, "[models]\nallow = ['gpt-9']\n", "no model 'gpt-9'; there are: minilm-l6-v2"),
        (MAIN, "wrong = 1\n", "wrong"),
        (MAIN, "[session]\nshare = 'user'\n", "share"),
    ],
    ids=["import", "model", "manifest", "sharing"],
)
async def test_a_broken_skill_is_told_of_and_keeps_no_other_from_it(
    world: World, main: str, toml: str, says: str
) -> None:
    world.write("broken", main, toml)
    world.write("echo")
    done = await world.deploy("broken", "echo")
    [(label, message)] = problems(done).items()
    assert label == "broken"
    assert says in message
    assert world.cluster.names(SERVICES) == ["catnap-default/echo"]


async def test_what_serves_a_broken_skill_stays_and_is_named(world: World) -> None:
    world.write("echo")
    await world.deploy("echo")
    world.write("echo", "import nothing_of_that_name\n")
    done = await world.deploy("echo")
    [result] = [each for each in done.results if each.label == "echo"]
    assert isinstance(result.problem, InvalidRequest)
    assert result.serving == "echo-00001"
    assert world.cluster.written == []


async def test_a_skill_that_the_server_refuses_fails_alone(world: World) -> None:
    world.write("echo")
    world.write("odd")
    await world.deploy("echo")
    world.cluster.refuses["odd"] = (422, "spec.template: must not be odd")
    done = await world.deploy("echo", "odd")
    assert problems(done) == {"odd": "spec.template: must not be odd"}


async def test_a_quota_that_a_skill_is_too_much_for_concerns_no_other(world: World) -> None:
    world.write("echo")
    world.write("odd")
    await world.deploy()
    world.cluster.refuses["odd"] = (403, "odd is forbidden: exceeded quota: tenant")
    done = await world.deploy("echo", "odd")
    assert problems(done) == {"odd": "odd is forbidden: exceeded quota: tenant"}
    assert [each.title.rpartition("/")[2] for each in done.applied] == ["echo"]


async def test_a_pod_that_crashes_fails_the_deploy_with_its_last_words(world: World) -> None:
    def crashing(obj: Object) -> None:
        ready(obj)
        if obj["metadata"]["name"] == "echo" and "conditions" in obj.get("status", {}):
            obj["status"]["conditions"] = [condition("ConfigurationsReady", "Unknown")]
            obj["status"]["latestReadyRevisionName"] = "echo-00007"

    crashed = pod(terminated(1, message=TRACEBACK))
    crashed["metadata"]["labels"] = {
        "catnap.dev/install": "catnap",
        "serving.knative.dev/revision": "echo-00001",
    }
    world.cluster.put("/api/v1/namespaces/catnap-default/pods/echo-1", crashed)
    world.cluster.settle = crashing
    world.write("echo")
    done = await world.deploy("echo")
    [result] = [each for each in done.results if each.problem]
    assert isinstance(result.problem, SkillCrashed)
    assert "No module named 'nomodule'" in result.problem.message
    assert (result.revision, result.serving) == ("echo-00001", "echo-00007")


async def test_what_is_not_ready_in_time_says_what_it_waits_for(world: World) -> None:
    world.cluster.settle = lambda obj: None
    world.write("echo")
    done = await world.deploy("echo", timeout=0.0)
    assert problems(done)["echo"] == "not ready in 0 s: it still waits for Knative to take it up"


async def test_every_tenant_gets_every_skill_in_a_namespace_of_its_own(world: World) -> None:
    world.write("echo")
    done = await world.deploy("echo", install=Install(tenants=("acme", "Umbrella Inc.")))
    labels = [each.label for each in done.results]
    assert labels[2:] == ["acme/echo", "Umbrella Inc./echo"]
    assert len(world.cluster.names(SERVICES)) == 2


@pytest.mark.parametrize("owner", ["other", ""])
async def test_a_namespace_of_somebody_elses_is_left_alone(world: World, owner: str) -> None:
    labels = {"catnap.dev/install": owner} if owner else {}
    world.cluster.put("/api/v1/namespaces/catnap", {"metadata": {"labels": labels}})
    with pytest.raises(Conflict, match="namespace catnap"):
        await world.deploy()
    assert world.cluster.written == []


async def test_an_object_of_the_platform_that_is_refused_ends_the_deploy(world: World) -> None:
    await world.deploy()
    world.cluster.refuses["catnap-models"] = (403, "cannot patch deployments")
    with pytest.raises(PermissionDenied, match=r"catnap/catnap-models: cannot patch deployments"):
        await world.deploy()
    assert world.cluster.written == []


async def test_a_cluster_without_knative_is_told(world: World) -> None:
    world.cluster.lacks.add("serving.knative.dev")
    with pytest.raises(Unavailable, match=r"has no Knative Serving.*knative\.dev/docs/install"):
        await world.deploy()


async def test_triggers_are_applied_only_where_there_is_eventing(world: World) -> None:
    world.write("echo", toml="[[triggers.events]]\nname = 'x'\ntypes = ['t']\n")
    world.cluster.lacks.add("eventing.knative.dev")
    assert problems(await world.deploy("echo")) == {}
    assert world.cluster.names("/apis/eventing.knative.dev/v1/triggers") == []


async def test_a_trigger_that_the_manifest_no_longer_has_is_removed(world: World) -> None:
    trigger = "[[triggers.events]]\nname = '{}'\ntypes = ['t']\n"
    world.write("echo", toml=trigger.format("a") + trigger.format("b"))
    world.write("echo-2", toml=trigger.format("a"))
    await world.deploy("echo", "echo-2")
    world.write("echo", toml=trigger.format("a"))
    await world.deploy("echo", "echo-2")
    found = world.cluster.names("/apis/eventing.knative.dev/v1/triggers")
    assert found == ["catnap-default/echo-2.a", "catnap-default/echo.a"]


async def test_old_revisions_go_once_the_new_one_is_ready(world: World) -> None:
    for number in range(1, 14):
        labels = {
            "catnap.dev/install": "catnap",
            "serving.knative.dev/service": "echo",
            "serving.knative.dev/configurationGeneration": str(number),
        }
        world.cluster.put(
            f"/apis/serving.knative.dev/v1/namespaces/catnap-default/revisions/echo-{number:05}",
            {
                "metadata": {"labels": labels},
                "status": {"conditions": [condition("Ready", "True")]},
            },
        )
    world.write("echo")
    await world.deploy("echo")
    found = world.cluster.names("/apis/serving.knative.dev/v1/revisions")
    # The newest ten, and the first, which the toy says is the one that serves.
    assert found == [f"catnap-default/echo-{number:05}" for number in (1, *range(4, 14))]


async def test_skills_that_were_not_asked_for_stay_and_are_named(world: World) -> None:
    world.write("echo")
    world.write("other")
    await world.deploy("echo", "other")
    assert (await world.deploy("echo")).others == ("other",)
    assert world.cluster.names(SERVICES) == ["catnap-default/echo", "catnap-default/other"]


async def test_it_is_said_early_that_nobody_told_how_images_get_there(world: World) -> None:
    world.write("echo")
    with pytest.raises(InvalidRequest, match="LOAD_COMMAND"):
        await world.deploy("echo", images={})
    assert world.cluster.written == []


async def test_a_skill_alone_leaves_a_platform_that_is_there_as_it_is(world: World) -> None:
    world.write("echo")
    done = await world.deploy("echo", whole=False)
    assert "PATCH deployments catnap-gateway" in world.cluster.written, "there was none"
    world.write("echo", toml="[limits]\ntimeout = '7s'\n")
    other = Install(settings='retry = "7s"\n')
    done = await world.deploy("echo", whole=False, install=other)
    assert problems(done) == {}
    assert [each.label for each in done.results] == ["echo"]
    assert world.cluster.written == ["PATCH services echo"]


async def test_a_volume_that_is_there_keeps_its_size_unless_another_is_asked_for(
    world: World,
) -> None:
    world.write("echo")
    await world.deploy("echo", install=Install(storage="20Gi", storage_class="fast"))
    await world.deploy("echo")
    assert world.cluster.written == []
    await world.deploy("echo", install=Install(storage="30Gi", storage_class="fast"), resize=True)
    assert "PATCH persistentvolumeclaims catnap-gateway" in world.cluster.written
