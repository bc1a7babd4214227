"""What a cold start may import, and who may ask for it."""

import sys
from pathlib import Path

from .conftest import SOURCE, ask

ECHO = Path(__file__).parents[2] / "functions" / "echo"

OURS = {"errors", "events", "host", "http", "skills"}
"""Packages of catnap that an instance is made of."""

NOT_FOR_A_SKILL = {
    *(
        f"catnap.host.{name}"
        for name in (
            *("asgi", "decorated", "framework", "stock", "wsgi"),
            *("child", "describe", "lease", "tether", "workspaces", "zygote"),
        )
    ),
    "catnap.skills.testing",
}
"""What in them serves other functions, forks and tests."""

OTHERS = {"httptools", "msgspec", "typing_extensions", "uvloop"}
"""Other people's packages; the last two where they are installed."""

STANDARD = {
    "__future__",
    "asyncio",
    "base64",
    "binascii",
    "collections",
    "collections.abc",
    "contextlib",
    "contextvars",
    "datetime",
    "errno",
    "functools",
    "gc",
    "http",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "math",
    "operator",
    "os",
    "queue",
    "re",
    "signal",
    "socket",
    "sys",
    "threading",
    "time",
    "tomllib",
    "traceback",
    "types",
    "typing",
    "weakref",
}
"""Modules of the standard library that our own code may be the first to ask for. What
these ask for in turn is theirs; what is there already costs nothing more."""

RECORDER = """
import atexit, sys

class Recorder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        frame = sys._getframe(1)
        while frame and frame.f_globals["__name__"].startswith(("importlib", "_frozen_importlib")):
            frame = frame.f_back
        asked.setdefault(name, frame.f_globals["__name__"] if frame else "python")

@atexit.register
def write():
    found = [(name, who) for name, who in asked.items() if name in sys.modules]
    with open({path!r}, "w") as file:
        file.writelines(f"{{name}} {{who}}\\n" for name, who in found)

asked = {{}}
sys.meta_path.insert(0, Recorder)
"""


def test_echo_starts_and_answers_with_no_import_beyond_its_budget(process, tmp_path):
    asked = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(RECORDER.format(path=str(asked)))
    host = process(ECHO, PYTHONPATH=f"{tmp_path}:{SOURCE}")
    assert ask(host.target, {"a": 1}) == (200, {"a": 1})
    host.end()
    found = dict(line.split() for line in asked.read_text().splitlines())
    assert {"catnap.host.main", "asyncio", "msgspec", "main"} <= set(found)
    wrong = [f"{module}, for {who}" for module, who in found.items() if not _allowed(module, who)]
    assert not wrong, "beyond the budget of a cold start:\n" + "\n".join(wrong)


def _allowed(module: str, who: str) -> bool:
    """who: the module that was the first to import it."""
    top, _, rest = module.partition(".")
    if top == "catnap":
        package = rest.partition(".")[0]
        return (not rest or package in OURS) and module not in NOT_FOR_A_SKILL
    if top in sys.stdlib_module_names:
        return who.partition(".")[0] not in ("catnap", "__main__") or module in STANDARD
    return top in OTHERS or module == "main"
