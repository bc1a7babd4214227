"""Everything that is wrong with a skill.toml is said at once."""

import pytest

from catnap.errors import InvalidRequest
from catnap.skills.manifest import parse_manifest
from catnap.skills.manifest_check import problems

GOOD = 'name = "echo"\ndescription = "Says it again."\n'


def test_a_good_one_has_no_problems() -> None:
    assert problems(GOOD) == []


def test_every_unknown_key_and_every_table_with_a_wrong_type_is_named() -> None:
    text = """
        name = "echo"
        descripton = "Says it again."
        entry = 3
        [scale]
        mix = 3
        min = "two"
        [limits]
        timeout = "5 bananas"
        [[triggers.events]]
        name = 3
    """
    assert problems(text) == [
        "unknown key 'descripton': did you mean 'description'?",
        "unknown key 'scale.mix': did you mean 'scale.min'?",
        "description: is missing",
        "entry: Expected `str`, got `int`",
        "scale.min: Expected `int`, got `str`",
        "limits.timeout: '5 bananas' is no length of time: write for example 500ms, 90s, 15m",
        "triggers.events[0].name: Expected `str`, got `int`",
    ]


def test_every_broken_rule_is_named() -> None:
    text = GOOD + '[scale]\nmin = -1\nqueue = 0\n[egress]\nallow = ["/", "b.example"]\n'
    said = problems(text)
    assert [each.partition(":")[0] for each in said] == [
        "scale.min",
        "scale.queue",
        "egress.allow[0]",
    ]


@pytest.mark.parametrize("text", ["name", GOOD + "zzz = 1", GOOD + "[scale]\nmax = -1\nmin = -1"])
def test_reading_one_raises_the_first_of_them(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_manifest(text)
    assert raised.value.message == f"skill.toml: {problems(text)[0]}"
