"""What a child does before it is born leaves no trace in it."""

import subprocess
import sys

import pytest

from .conftest import ENV

LOOK = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
if sys.argv[1] == "asyncio":
    sys.modules["uvloop"] = None  # as if it were not installed
if sys.argv[2] == "rehearsed":
    from catnap.host.rehearsal import rehearse
    rehearse()
try:
    asyncio.get_event_loop()
except RuntimeError as error:
    print(error)
else:
    print("a loop")
"""


@pytest.mark.parametrize("kind", ["uvloop", "asyncio"])
def test_a_skill_that_asks_for_a_loop_at_its_import_gets_what_a_fresh_process_gives(kind):
    def look(when: str) -> str:
        command = [sys.executable, "-c", LOOK, kind, when]
        return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout

    assert look("rehearsed") == look("fresh")
