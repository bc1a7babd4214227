"""models.toml is read whole, and everything that is wrong with it is said at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.models import settings
from catnap.models.file import parse, read
from catnap.models.own import complete, placed, served
from catnap.models.settings import Batch, Bounds, Wake

WHOLE = settings.__doc__ or ""


def wrong(text: str) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    return refused.value.message.split("\n")


def test_the_example_is_what_is_read() -> None:
    text = WHOLE.split("\n\n", 1)[1].replace("\n    ", "\n").strip()
    models = parse(text).models
    assert list(models) == ["minilm-l6-v2", "ranker", "writer"]
    assert models["minilm-l6-v2"].servers == ("models:8001",)
    ranker = models["ranker"]
    assert (ranker.folder, ranker.device, ranker.servers) == ("models/ranker", "cuda", ())
    assert ranker.batch == Batch(64, 0.005, (64, 256), {"input_ids": 0.0})
    writer = models["writer"]
    assert (writer.protocol, writer.at_servers) == ("openai", "llama-3.1-8b-instruct")
    assert (writer.limits.waiting, writer.limits.timeout) == (500, 120)
    assert writer.limits.most == Bounds().most
    assert (writer.key_env, writer.wake) == ("WRITER_KEY", Wake("models/writer", 600))
    assert [writer.priority(each, 2) for each in ("acme", "beta-7", "beta-8")] == [2, 1, 2]
    assert writer.canary is not None
    assert (writer.canary.version, writer.canary.percent) == ("2", 5)
    assert [writer.is_for(each) for each in ("acme", "beta-7", "rival")] == [True, True, False]


def test_the_readmes_example_is_good() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [example] = re.findall(r"^```toml\n(\[ranker\].*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert list(parse(example).models) == ["ranker", "resnet", "writer"]


def test_a_file_without_models_has_none() -> None:
    assert parse("").models == {}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "servers: name one at least, or the folder"),
        ("servers = []", "servers: name one at least"),
        ('folder = "f"\nprotocol = "openai"', "protocol: a server of ours speaks oip"),
        ('folder = "f"\ndevice = "gpu"', "device: 'gpu' is neither cpu, cuda nor cuda:N"),
        ('folder = "f"\nbatch = { size = 0 }', "batch.size: 1 or more"),
        ('folder = "f"\nbatch = { delay = "2s" }', "batch.delay: at most 1s"),
        ('folder = "f"\nbatch = { buckets = [8, 4] }', "batch.buckets: lengths that rise"),
        ('servers = ["m:1"]\nbatch = { size = 1 }', "batch: is for a model with a folder"),
        ('servers = ["m:1"]\ndevice = "cuda"', "device: is for a model with a folder"),
        ('servers = ["m:1"]\nkey_env = "sk-123"', "key_env: 'sk-123' is no variable's name"),
        ('servers = ["m:1"]\npriorities = { a = 4 }', "priorities.a: 1, low, to 3, high"),
        ('servers = ["m:1"]\nmax_tokens = -1', "max_tokens: 0, for as many as it reads"),
        ('servers = ["m:1"]\nwake = { deployment = "d" }', "wake.deployment: namespace/name"),
        ('servers = ["m:1"]\nwake = {}', "wake: Object missing required field `deployment`"),
        ('folder = "f"\nwake = { deployment = "n/d" }', "wake: name the servers"),
        ('servers = ["models"]', "servers: 'models' is no host:port or unix:PATH"),
        ('servers = ["http://m:1"]', "servers: 'http://m:1' is no host:port or unix:PATH"),
        ('servers = ["m:99999"]', "servers: 'm:99999' is no host:port"),
        ('servers = ["m:1", "m:1"]', "servers: 'm:1' is there twice"),
        ('protocol = "openai"\nservers = ["m:1"]', "servers: 'm:1' is no http://host:port"),
        ('servers = ["m:1"]\nserver = "x"', "unknown key 'server': did you mean 'servers'?"),
        ('servers = ["m:1"]\nlimits = { wating = 1 }', "did you mean 'limits.waiting'?"),
        ('servers = ["m:1"]\nlimits = { waiting = "x" }', "limits.waiting: Expected `int`"),
        ('servers = ["m:1"]\nlimits = { least = 9, start = 8 }', "limits: 1 <= least <= start"),
        ('servers = ["m:1"]\nlimits = { timeout = "0s" }', "limits.timeout: more than 0"),
        ('servers = ["m:1"]\nprices = { milliseconds = -1 }', "prices.milliseconds: 0 or more"),
        ('servers = ["m:1"]\nprices = { milliseconds = nan }', "prices.milliseconds: 0 or more"),
        ('servers = ["m:1"]\nweights = { a = 0 }', "weights.a: 0.001 to 1000"),
        ('servers = ["m:1"]\nabilities = ["embed"]', "dimensions: how many numbers"),
        ('servers = ["m:1"]\nabilities = ["sing"]', "abilities[0]: Invalid enum value 'sing'"),
        (
            'servers = ["m:1"]\ncanary = { version = "2", servers = ["m:2"], percent = 101 }',
            "canary.percent: 0 to 100",
        ),
        (
            'servers = ["m:1"]\nversion = "2"\ncanary = { version = "2", servers = ["m:2"] }',
            "canary.version: is to be another",
        ),
    ],
)
def test_what_is_wrong_with_a_model_is_said_with_its_name_and_key(table: str, said: str) -> None:
    [line] = wrong(f"[m]\n{table}")
    place, _, _ = line.partition(" [m] ")
    assert place.removeprefix("models.toml:").removesuffix(":").isdigit()
    assert said in line


def test_everything_that_is_wrong_is_said_at_once() -> None:
    lines = wrong(
        'loose = 1\n[a]\nservers = []\n[b]\nservers = ["b:1"]\naliases = ["a", "bad name"]\n'
        '["bad name"]\nservers = ["c:1"]\n'
    )
    assert [line.partition("] ")[0] for line in lines] == [
        "models.toml:1: [loose",
        "models.toml:3: [a",
        "models.toml:7: [bad name",
        "models.toml:6: [b",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[m]\nservers = ["m:1"]\n\nlimits = { wating = 1 }', 4),
        ('[m]\nservers = ["m:1"]\n[m.limits]\nleast = 1\nwating = 1', 5),
        ('[m]\nservers = ["m:1"]\nlimits.least = 1\nlimits.wating = 1', 4),
        ('[a]\nservers = ["a:1"]\n["m"]\n"servers" = ["m:1"]\n"limits" = { wating = 1 }', 5),
        ('m = { servers = ["m:1"], limits = { wating = 1 } }', 1),
        ('[m]\nservers = [\n  "m:1",\n]\n# limits = 1\nlimits = { wating = 1 }', 6),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int) -> None:
    [said] = wrong(text)
    assert said.startswith(f"models.toml:{line}: [m] unknown key 'limits.wating'")


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"absent\.toml: cannot be read"):
        read(tmp_path / "absent.toml")


def test_a_folder_is_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('[m]\nfolder = "here"\n[n]\nfolder = "/there"\n')
    models = read(tmp_path / "models.toml").models
    assert (models["m"].folder, models["n"].folder) == (str(tmp_path / "here"), "/there")


def test_the_latest_is_what_a_model_without_a_version_has() -> None:
    assert parse('[m]\nservers = ["m:1"]\nversion = "latest"').models["m"].version == ""


def test_a_canary_without_servers_is_at_the_models() -> None:
    canary = parse('[m]\nservers = ["m:1"]\ncanary = { version = "2" }').models["m"].canary
    assert canary is not None
    assert canary.servers == ("m:1",)


def test_minilm_is_there_without_a_table_at_our_own_server() -> None:
    found = complete(parse('[m]\nfolder = "m"\n[o]\nservers = ["o:1"]'))
    assert sorted(name for name, _ in served(found)) == ["m", "minilm-l6-v2"]
    models = placed(found, "unix:/s").models
    assert {name: each.servers for name, each in models.items()} == {
        "m": ("unix:/s",),
        "o": ("o:1",),
        "minilm-l6-v2": ("unix:/s",),
    }
    assert models["minilm-l6-v2"].dimensions == 384


def test_a_table_of_minilm_says_what_else_holds_of_it() -> None:
    found = complete(parse('[minilm-l6-v2]\naliases = ["embedder"]\ntenants = ["acme"]'))
    minilm = found.models["minilm-l6-v2"]
    assert (minilm.aliases, minilm.tenants, minilm.dimensions) == (("embedder",), ("acme",), 384)


def test_minilm_of_other_servers_is_not_ours() -> None:
    found = complete(
        parse('[minilm-l6-v2]\nservers = ["o:1"]\nabilities = ["embed"]\ndimensions = 384')
    )
    assert list(served(found)) == []


def test_a_canary_of_our_own_server_is_there_too() -> None:
    found = placed(parse('[m]\nfolder = "m"\ncanary = { version = "2" }'), "unix:/s")
    canary = found.models["m"].canary
    assert canary is not None
    assert canary.servers == ("unix:/s",)


def test_our_own_server_is_given_a_batch_at_least_and_others_what_their_limits_say() -> None:
    found = placed(parse('[m]\nfolder = "m"\nbatch = { size = 64 }\n[o]\nservers = ["o:1"]'), "s:1")
    limits = {name: each.limits for name, each in found.models.items()}
    assert (limits["m"].least, limits["m"].start) == (64, 128)
    assert limits["o"] == Bounds()


def test_an_alias_is_nobody_elses_name() -> None:
    both = '[a]\nservers = ["a:1"]\naliases = ["x"]\n[b]\nservers = ["b:1"]\naliases = ["x", "a"]'
    assert len(wrong(both)) == 2


def test_what_is_no_toml_is_refused_with_its_place() -> None:
    assert "not TOML" in wrong("[m\n")[0]
