"""Finding the function in a folder, and one clear line where that fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from catnap.errors import CatnapError
from catnap.host.loader import load

from .conftest import ENV

SKILL = """
    from catnap import Context, skill

    @skill
    def {name}(ctx: Context) -> str:
        return "{name}"
"""


@pytest.mark.parametrize(
    ("code", "manifest", "reason"),
    [
        ("x = 1\ny = 2\nimport foo_absent", "", "main.py line 3: ModuleNotFoundError: No module"),
        ("def broken(:", "", "main.py line 1: SyntaxError: invalid syntax"),
        ("import helper", "", "helper.py line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(4)", "", "main.py line 2: SystemExit: it called sys.exit(4)"),
        ("x = 1", "", "main.py has no function marked with @skill"),
        ("", 'entry = "other"', "entry 'other' in skill.toml: there is no other.py"),
        ("", 'entry = "json"', "entry 'json' in skill.toml: there is no json.py"),
        ("", 'entry = "main:absent"', "main.py has no function 'absent', which skill.toml names"),
        ("def f(): ...", 'entry = "main:f"', "main.py: 'f' is not marked: put @skill above it"),
        (
            SKILL.format(name="a") + SKILL.format(name="b"),
            "",
            "main.py has several skills (a, b): name one in skill.toml, such as entry = 'main:a'",
        ),
        (
            "from catnap import skill\n@skill\ndef f(): ...",
            "",
            "main.py line 2: TypeError: @skill f: takes (ctx) or (ctx, request)",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_line_that_names_the_place(
    folder, fresh, code, manifest, reason
):
    made = folder(code, manifest, helper="\n1 / 0")
    with pytest.raises(CatnapError) as caught:
        load(str(made))
    assert caught.value.message.startswith(f"cannot load {made}: {reason}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("code", "manifest"),
    [
        (SKILL.format(name="only"), ""),
        (SKILL.format(name="one") + SKILL.format(name="other"), 'entry = "main:one"'),
        ("from helper import imported", ""),
        ("", 'entry = "helper"'),
        ("", 'entry = "package.inner:nested"'),
    ],
)
def test_the_function_is_found(folder, fresh, code, manifest):
    made = folder(code, manifest, helper=SKILL.format(name="imported"))
    (made / "package").mkdir()
    (made / "package" / "inner.py").write_text(
        "from catnap import Context, skill\n@skill\ndef nested(ctx: Context): ..."
    )
    loaded = load(str(made))
    assert loaded.function.kind == "catnap"
    assert Path.cwd() == made


def describe(*folders: Path) -> tuple[int, dict]:
    arguments = [path for each in folders for path in (each, each / "state", each / "scratch")]
    done = subprocess.run(
        [sys.executable, "-m", "catnap.host.describe", *arguments],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)


def test_describe_tells_the_types_whatever_the_skill_prints_meanwhile(folder):
    made = folder(
        """
        import os
        from collections.abc import AsyncIterator
        import msgspec
        from catnap import Context, skill

        print("imported")
        os.write(1, b"raw")

        class Question(msgspec.Struct):
            text: str

        @skill
        async def answer(ctx: Context, request: Question) -> AsyncIterator[int]:
            yield 1
        """
    )
    status, found = describe(made)
    assert status == 0
    assert (found["kind"], found["stream"]) == ("catnap", True)
    assert found["input_schema"]["$defs"]["Question"]["required"] == ["text"]
    assert found["output_schema"] == {"type": "integer"}


def test_describe_tells_a_functions_framework_function_by_its_kind(folder):
    code = "import functions_framework\n@functions_framework.cloud_event\ndef handle(event): ..."
    assert describe(folder(code)) == (
        0,
        {"kind": "cloudevent", "stream": False, "input_schema": None, "output_schema": None},
    )


def test_describe_says_what_cannot_be_preloaded(folder):
    code = "from catnap import Context, skill\n@skill\ndef main(ctx: Context): ..."
    made = folder(code, '[scale]\npreload = ["json", "main"]')
    reason = "ModuleNotFoundError: No module named 'main'"
    assert describe(made) == (1, {"error": f"scale.preload: cannot import main: {reason}"})
    assert describe(folder(code, '[scale]\npreload = ["json"]'))[0] == 0


def test_describe_says_what_is_broken(folder):
    made = folder("import foo_absent")
    status, found = describe(made)
    assert status == 1
    assert found == {
        "error": f"cannot load {made}: main.py line 1: "
        "ModuleNotFoundError: No module named 'foo_absent'"
    }
    assert describe()[0] == 1
