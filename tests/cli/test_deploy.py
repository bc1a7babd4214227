"""catnap deploy and undeploy, against a cluster in memory behind the real API."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Cli, Outcome
from tests.services.knative.toycluster import ToyCluster, running

Deploy = Callable[..., Outcome]
IMAGES = ("--image", "catnap-gateway=g:1", "--image", "catnap-models=m:1", "--image", "one=one:1")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ToyCluster]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture
def deploy(alone: Cli, cluster: ToyCluster) -> Deploy:
    """Deploys the skill `one`, which is there, with images that are there."""
    alone("new", "one")
    return lambda *more: alone("deploy", "--kubeconfig", str(cluster.kubeconfig), *IMAGES, *more)


def edit(name: str, line: str) -> None:
    with Path("functions", name, "skill.toml").open("a") as manifest:
        manifest.write(line)


def test_it_ends_with_what_is_ready_and_how_to_reach_it(deploy: Deploy, tmp_path: Path) -> None:
    done = deploy()
    assert done.status == 0
    names = ["name", "catnap-gateway", "catnap-models", "one"]
    assert [line.split()[0] for line in done.out.splitlines()] == names
    assert "one: ready" in done.err
    kubectl = f"kubectl --kubeconfig {tmp_path / 'kubeconfig'} -n catnap"
    assert f"{kubectl} port-forward svc/catnap-gateway 8080:80 9000" in done.err
    assert f"export CATNAP_TOKEN=$({kubectl} get secret catnap-admin" in done.err


def test_a_second_one_says_that_nothing_changed(deploy: Deploy) -> None:
    deploy()
    assert "nothing changed" in deploy().err


def test_a_dry_run_shows_each_field_that_would_change(deploy: Deploy, cluster: ToyCluster) -> None:
    assert "create   Namespace catnap\n" in deploy("--dry-run").out
    assert cluster.written == []
    deploy()
    edit("one", "[limits]\ntimeout = '17s'\n")
    cluster.written.clear()
    shown = deploy("--dry-run")
    assert "change   Service.serving.knative.dev catnap-default/one\n" in shown.out
    assert "~ spec.template.spec.timeoutSeconds: 300 -> 17\n" in shown.out
    assert "1 objects differ" in shown.err
    assert cluster.written == []


def test_the_models_are_those_of_models_toml(deploy: Deploy, tmp_path: Path) -> None:
    edit("one", "[models]\nallow = ['writer']\n")
    assert "there is no model 'writer'" in deploy().err
    text = (
        "[writer]\nservers = ['writer.gpu:80']\nwake = { deployment = 'gpu/writer' }\n"
        "[ranker]\nfolder = 'ranker'\n"
    )
    (tmp_path / "models.toml").write_text(text)
    done = deploy("--dry-run")
    assert "change   ConfigMap catnap/catnap-models\n" in done.out
    assert "create   Role.rbac.authorization.k8s.io gpu/catnap-wakes-models\n" in done.out
    assert "[ranker] folder: on a cluster" in done.err
    (tmp_path / "other.toml").write_text("[writer]\n")
    done = deploy("--models", "other.toml")
    assert done.status == 2
    assert "other.toml:1: [writer] servers" in done.err


def test_a_program_gets_json_and_nothing_beside(deploy: Deploy) -> None:
    done = deploy("--json")
    assert done.err == ""
    assert "Namespace catnap" in done.json["applied"]
    [one] = [each for each in done.json["results"] if each["name"] == "one"]
    assert (one["ready"], one["revision"], one["problem"]) == (True, "one-00001", None)
    assert deploy("--json").json["applied"] == []
    edit("one", "[limits]\ntimeout = '17s'\n")
    dry = deploy("--json", "--dry-run").json
    [changed] = [each for each in dry["objects"] if each["verdict"] == "change"]
    field = {"path": "spec.template.spec.timeoutSeconds", "old": 300, "new": 17}
    assert field in changed["changes"]
    assert dry["applied"] == []


def test_a_broken_skill_is_told_in_one_line_and_in_the_exit_status(
    deploy: Deploy, alone: Cli
) -> None:
    deploy()
    Path("functions/one/main.py").write_text("import nothing_of_that_name\n")
    alone("new", "two")
    done = deploy("--image", "two=two:1")
    assert done.status == 2
    [line] = [line for line in done.err.splitlines() if "nothing_of_that_name" in line]
    assert line.startswith("catnap: one is not deployed: main.py line 1: ")
    assert line.endswith("; one-00001 keeps serving")
    assert "two: ready" in done.err


def test_it_needs_a_cluster(alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    alone("new", "one")
    monkeypatch.setenv("KUBECONFIG", "none")
    done = alone("deploy", *IMAGES)
    assert done.status == 7
    assert done.err.startswith("catnap: needs a cluster, and no kube config names one (")
    assert (done.out, done.err.count("\n")) == ("", 1)


def test_a_cluster_that_does_not_answer_is_named(
    alone: Cli, cluster: ToyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone("new", "one")
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    Path("dead").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", "dead")
    done = alone("deploy", *IMAGES)
    assert done.status == 7
    assert done.err.startswith("catnap: http://127.0.0.1:9 does not answer (")


@pytest.mark.parametrize("given", ["one", "=x", "one="])
def test_an_image_without_a_name_or_a_reference_is_a_mistake(deploy: Deploy, given: str) -> None:
    done = deploy("--image", given)
    assert done.status == 2
    assert "NAME=REFERENCE" in done.err


def test_a_skill_that_is_not_there_is_named(deploy: Deploy) -> None:
    assert deploy("three").status == 4


@pytest.fixture
def undeploy(deploy: Deploy, alone: Cli, cluster: ToyCluster) -> Deploy:
    """Undeploys something of a cluster that has the skill `one`."""
    deploy()
    cluster.written.clear()
    return lambda *more: alone("undeploy", "--kubeconfig", str(cluster.kubeconfig), *more)


def test_a_skill_is_removed_alone(undeploy: Deploy, cluster: ToyCluster) -> None:
    done = undeploy("one", "--yes", "--json")
    assert done.json == ["Service.serving.knative.dev catnap-default/one"]
    assert cluster.written == ["DELETE services one"]


def test_all_of_it_is_removed(undeploy: Deploy, cluster: ToyCluster) -> None:
    assert undeploy("--all", "--yes").status == 0
    assert cluster.names("/api/v1/namespaces") == ["kube-system"]


def test_nobody_to_be_asked_means_no(
    undeploy: Deploy, cluster: ToyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = undeploy("one")
    assert done.status == 2
    assert "--yes" in done.err
    assert cluster.written == []


@pytest.mark.parametrize("given", [(), ("one", "--all"), ("--all", "--tenant", "acme")])
def test_what_is_to_be_removed_must_be_said_once(
    undeploy: Deploy, cluster: ToyCluster, given: tuple[str, ...]
) -> None:
    assert undeploy(*given, "--yes").status == 2
    assert cluster.written == []
