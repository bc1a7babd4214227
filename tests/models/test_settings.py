"""models.toml is read whole, and everything that is wrong with it is said at once."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.models import settings
from catnap.models.settings import Bounds, parse

WHOLE = settings.__doc__ or ""


def wrong(text: str) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    return refused.value.message.split("\n")


def test_the_example_is_what_is_read() -> None:
    text = WHOLE.split("\n\n", 1)[1].replace("\n    ", "\n").strip()
    models = parse(text).models
    assert list(models) == ["minilm-l6-v2", "writer"]
    assert models["minilm-l6-v2"].servers == ("models:8001",)
    writer = models["writer"]
    assert (writer.protocol, writer.at_servers) == ("openai", "llama-3.1-8b-instruct")
    assert (writer.limits.waiting, writer.limits.timeout) == (500, 120)
    assert writer.limits.most == Bounds().most
    assert writer.canary is not None
    assert (writer.canary.version, writer.canary.percent) == ("2", 5)
    assert [writer.is_for(each) for each in ("acme", "beta-7", "rival")] == [True, True, False]


def test_a_file_without_models_has_none() -> None:
    assert parse("").models == {}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "servers: is missing"),
        ("servers = []", "servers: name one at least"),
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
    assert line.startswith("models.toml: [m] ")
    assert said in line


def test_everything_that_is_wrong_is_said_at_once() -> None:
    lines = wrong(
        'loose = 1\n[a]\nservers = []\n[b]\nservers = ["b:1"]\naliases = ["a", "bad name"]\n'
        '["bad name"]\nservers = ["c:1"]\n'
    )
    assert [line.partition("] ")[0].removeprefix("models.toml: [") for line in lines] == [
        *("loose", "a", "bad name", "b"),
    ]


def test_an_alias_is_nobody_elses_name() -> None:
    both = '[a]\nservers = ["a:1"]\naliases = ["x"]\n[b]\nservers = ["b:1"]\naliases = ["x", "a"]'
    assert len(wrong(both)) == 2


def test_what_is_no_toml_is_refused_with_its_place() -> None:
    assert "not TOML" in wrong("[m\n")[0]
