"""What a child does before it is born leaves no trace in it."""

import signal
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


TOLD = """
import os, signal, socket
from catnap.host import child, rehearsal
from catnap.host.randomness import Randomness

run = rehearsal.run

def interrupted(loaded, settings, sock, call):
    def ready(listening):
        os.kill(os.getpid(), signal.SIGTERM)
        call(listening)
    return run(loaded, settings, sock, ready)

rehearsal.run = interrupted
outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
embryo = child.Embryo(inbox, "", (), Randomness(), os.getpid(), True)
if not (pid := os.fork()):
    outbox.close()
    os._exit(child.live(embryo))
outbox.close()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_child_that_is_told_to_end_while_it_rehearses_ends():
    command = [sys.executable, "-c", TOLD]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=True)
    assert done.stdout == f"{-signal.SIGTERM}\n"


@pytest.mark.parametrize("kind", ["uvloop", "asyncio"])
def test_a_skill_that_asks_for_a_loop_at_its_import_gets_what_a_fresh_process_gives(kind):
    def look(when: str) -> str:
        command = [sys.executable, "-c", LOOK, kind, when]
        return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout

    assert look("rehearsed") == look("fresh")
