"""The zygote: forks, kills, reports, and leaves nobody behind."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ENV, SOURCE, ask

SKILL = """
    import os, random, subprocess, sys, threading
    from typing import Any
    from catnap import Context, skill

    print("imported")

    @skill
    def look(ctx: Context, request: str) -> Any:
        match request:
            case "pid":
                return os.getpid(), os.getppid(), os.getsid(0)
            case "env":
                return dict(os.environ)
            case "stdin":
                return sys.stdin.read(), os.read(0, 10).decode()
            case "random":
                import tempfile, ssl, uuid
                drawn = sys.modules["drawn"]
                return [
                    random.random(),
                    sys.modules["numpy"].random.random(),
                    drawn.python.random(),
                    drawn.numpy.random(),
                    drawn.old.random(),
                    int(drawn.bare.random_raw()),
                    tempfile.mktemp(),
                    ssl.RAND_bytes(8).hex(),
                    uuid.uuid1().hex,
                    uuid.uuid4().hex,
                ], [drawn.chosen.random(), drawn.chosen_numpy.random(), drawn.chosen_old.random()]
            case "work":
                import boto3, numpy
                client = boto3.client("s3", region_name="eu-north-1",
                                      aws_access_key_id="x", aws_secret_access_key="x")
                ones = numpy.ones((400, 400))
                return client.meta.endpoint_url, float((ones @ ones).sum())
            case "child":
                return subprocess.Popen(["sleep", "600"]).pid
            case "stray":
                script = "sleep 600 >/dev/null & echo $!"
                return int(subprocess.check_output(["setsid", "sh", "-c", script], text=True))
            case "threads":
                return threading.active_count()
            case "exit":
                os._exit(7)
            case "path":
                return sys.path
"""


def gone(pid: int) -> None:
    """Waits until a process is no more."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([process], [], [], 30)
    os.close(process)
    assert ended, f"process {pid} still lives"


@pytest.fixture
def skill(folder):
    return folder(SKILL)


def test_it_forks_instances_that_answer_and_tells_how_they_ended(zygote, skill):
    parent = zygote()
    assert parent.hear() == {"op": "ready"}
    one = parent.fork("one", skill)
    forked = parent.hear()
    assert (forked["op"], forked["id"]) == ("forked", "one")
    told = one.told()
    assert told["ready"] is True
    assert told["import_ms"] > 0
    assert told["init_ms"] > 0
    assert ask(one.target, "pid") == (200, [forked["pid"], parent.process.pid, forked["pid"]])
    parent.say(op="kill", id="one", signal=signal.SIGTERM)
    assert parent.hear() == {"op": "exited", "id": "one", "status": 0, "outgrew": False}
    assert [(r["stream"], r["text"]) for r in one.output()] == [("stdout", "imported")]
    assert parent.close() == 0


@pytest.mark.parametrize(("request_", "signal_", "status"), [("exit", 0, 7), ("", 9, -9)])
def test_other_ends_are_told_as_they_are(zygote, skill, request_, signal_, status):
    parent = zygote()
    parent.hear()
    one = parent.fork("one", skill)
    parent.hear()
    one.told()
    if request_:
        with pytest.raises(Exception, match="closed the connection"):
            ask(one.target, request_)
    else:
        parent.say(op="kill", id="one", signal=signal_)
    assert parent.hear() == {"op": "exited", "id": "one", "status": status, "outgrew": False}


def test_a_skill_that_cannot_be_loaded_says_why_and_exits_with_1(zygote, folder):
    parent = zygote()
    parent.hear()
    made = folder("import foo_absent")
    one = parent.fork("one", made)
    parent.hear()
    assert one.told() == {
        "error": f"cannot load {made}: main.py line 1: "
        "ModuleNotFoundError: No module named 'foo_absent'"
    }
    assert parent.hear() == {"op": "exited", "id": "one", "status": 1, "outgrew": False}


DRAWN = """
import random
import numpy as np

python = random.Random()
numpy = np.random.default_rng()
old = np.random.RandomState()
bare = np.random.PCG64()
chosen = random.Random(7)
chosen_numpy = np.random.default_rng(7)
chosen_old = np.random.RandomState(7)
"""


def opened(pid: int) -> dict[int, str]:
    """What each descriptor of a process is, by number."""
    found = {}
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(each.name)] = str(each.readlink())
    return found


def test_a_fork_draws_no_number_that_another_draws(zygote, skill, tmp_path):
    (tmp_path / "drawn.py").write_text(DRAWN)
    parent = zygote("drawn", PYTHONPATH=f"{SOURCE}:{tmp_path}")
    parent.hear()
    drawn = []
    for name in ("first", "second", "third"):
        one = parent.fork(name, skill)
        parent.hear()
        one.told()
        drawn.append(ask(one.target, "random")[1])
    for kind in zip(*(system for system, _ in drawn), strict=True):
        assert len(set(kind)) == 3
    # What a module has seeded itself is the same in every process that imports it.
    assert drawn[0][1] == drawn[1][1] == drawn[2][1]


def test_a_fork_works_with_what_was_preloaded(zygote, skill):
    parent = zygote("numpy", "boto3")
    parent.hear()
    for name in ("first", "second"):
        one = parent.fork(name, skill)
        parent.hear()
        one.told()
        said = ["https://s3.eu-north-1.amazonaws.com", 400.0**3]
        assert ask(one.target, "work") == (200, said)


def test_a_fork_has_nothing_of_its_parent_or_its_siblings(zygote, skill):
    parent = zygote(SECRET="do not tell")
    parent.hear()
    first = parent.fork("first", skill)
    first_pid = parent.hear()["pid"]
    first.told()
    second = parent.fork("second", skill, OWN="mine", PATH="/bin")
    pid = parent.hear()["pid"]
    second.told()
    environment = {"CATNAP_LOG": "json", "OWN": "mine", "PATH": "/bin"}
    assert ask(second.target, "env") == (200, environment)
    assert ask(second.target, "stdin") == (200, ["", ""])
    assert str(Path.cwd()) not in ask(second.target, "path")[1]
    assert Path(f"/proc/{pid}/comm").read_text() == "second\n"
    status = dict(
        line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    assert int(status["SigBlk"], 16) == 0
    its = opened(pid)
    assert its[0] == "/dev/null"
    for other in (first_pid, parent.process.pid):
        shared = set(its.values()) & set(opened(other).values())
        assert not [each for each in shared if each.startswith(("socket:", "pipe:"))]
    assert not [each for each in its.values() if each.startswith("/") and each != "/dev/null"]


def test_what_an_instance_started_goes_with_it(zygote, skill):
    parent = zygote()
    parent.hear()
    for name, number in (("one", signal.SIGTERM), ("two", signal.SIGKILL)):
        one = parent.fork(name, skill)
        parent.hear()
        one.told()
        _, child = ask(one.target, "child")
        parent.say(op="kill", id=name, signal=number)
        parent.hear()
        gone(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_an_instance_started_and_let_go_of_goes_with_it(zygote, skill, number):
    parent = zygote()
    parent.hear()
    one, other = parent.fork("one", skill), parent.fork("other", skill)
    parent.hear()
    parent.hear()
    one.told()
    _, stray = ask(one.target, "stray")
    parent.say(op="kill", id="one", signal=number)
    assert parent.hear()["op"] == "exited"
    gone(stray)
    assert ask(other.target, "pid")[0] == 200


def test_what_strays_have_started_goes_with_the_zygote(zygote, folder):
    parent = zygote()
    parent.hear()
    one = parent.fork("one", folder(SKILL))
    parent.hear()
    one.told()
    _, stray = ask(one.target, "stray")
    assert parent.close() == 0
    gone(stray)


@pytest.mark.parametrize("how", ["close", "term", "kill"])
def test_the_end_of_the_zygote_is_the_end_of_its_instances(zygote, skill, how):
    parent = zygote()
    parent.hear()
    pids = []
    for name in ("one", "two"):
        one = parent.fork(name, skill)
        pids.append(parent.hear()["pid"])
        one.told()
    if how == "close":
        assert parent.close() == 0
    else:
        parent.process.send_signal(signal.SIGTERM if how == "term" else signal.SIGKILL)
        assert parent.process.wait(timeout=60) == (0 if how == "term" else -9)
    for pid in pids:
        gone(pid)


def test_an_instance_that_will_not_end_does_not_outlive_the_zygote(zygote, folder):
    parent = zygote()
    parent.hear()
    one = parent.fork(
        "one",
        folder(
            """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("stuck")
            time.sleep(600)
            """
        ),
    )
    pid = parent.hear()["pid"]
    os.read(one._stdout, 1)
    assert parent.close() == 0
    gone(pid)


def test_a_parent_that_is_killed_leaves_no_process(folder, tmp_path):
    """The gateway's part is played by a process of its own, which is killed."""
    script = """
import json, os, signal, socket, sys
sys.path.insert(0, sys.argv[3])
from tests.host.conftest import Zygote, ask
from pathlib import Path
zygote = Zygote(Path(sys.argv[1]))
zygote.hear()
one = zygote.fork("one", Path(sys.argv[2]))
pid = zygote.hear()["pid"]
one.told()
_, stray = ask(one.target, "stray")
print(json.dumps([zygote.process.pid, pid, stray]), flush=True)
signal.pause()
"""
    root = Path(__file__).parents[2]
    gateway = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path, folder(SKILL), root],
        stdout=subprocess.PIPE,
        text=True,
        env=ENV,
    )
    assert gateway.stdout
    pids = json.loads(gateway.stdout.readline())
    gateway.kill()
    gateway.communicate()
    for pid in pids:
        gone(pid)


def test_orders_that_make_no_sense_are_refused_and_forgotten(zygote, skill, capfd):
    parent = zygote()
    parent.hear()
    parent.control.send(b"{")
    parent.say(op="dance", id="one")
    parent.say(op="fork", id="one", folder=str(skill))
    parent.say(op="kill", id="nobody", signal=9)
    read, write = os.pipe()
    socket.send_fds(parent.control, [b'{"op":"fork","id":"one"}'], [write] * 3)
    os.close(write)
    assert os.read(read, 1) == b"", "what came with a refused order is closed"
    os.close(read)
    one = parent.fork("one", skill)
    assert parent.hear()["op"] == "forked"
    assert one.told()["ready"]
    assert parent.close() == 0
    assert capfd.readouterr().err.count("refused an order") == 4


def test_a_crowd_is_forked_and_ended(zygote, folder):
    made = folder(
        """
        from catnap import Context, skill

        @skill
        async def echo(ctx: Context, request: int) -> int:
            return request
        """
    )
    parent = zygote()
    parent.hear()
    crowd = [parent.fork(f"n{n}", made) for n in range(12)]
    assert {parent.hear()["id"] for _ in crowd} == {one.name for one in crowd}
    for n, one in enumerate(crowd):
        assert one.told()["ready"]
        assert ask(one.target, n) == (200, n)
    for one in crowd:
        parent.say(op="kill", id=one.name, signal=signal.SIGTERM)
    ends = [parent.hear() for _ in crowd]
    assert {end["id"] for end in ends} == {one.name for one in crowd}
    assert {end["status"] for end in ends} == {0}


def test_a_module_that_cannot_be_preloaded_ends_the_zygote_with_its_reason(zygote, capfd):
    parent = zygote("foo_absent")
    reason = (
        "scale.preload: cannot import foo_absent: ModuleNotFoundError: No module named 'foo_absent'"
    )
    assert parent.hear() == {"op": "ready", "error": reason}
    assert parent.hear() == {}
    assert parent.process.wait(timeout=60) == 1
    assert capfd.readouterr().err == f"catnap zygote: {reason}\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import grpc", "imports grpc, which a fork would break"),
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True,"
            " name='busy').start()",
            "starts the thread 'busy', which a fork would break",
        ),
        ("raise SystemExit(3)", "SystemExit: it called sys.exit(3)"),
    ],
)
def test_a_module_that_would_not_outlive_a_fork_is_refused(zygote, tmp_path, code, said):
    (tmp_path / "unfit.py").write_text(code)
    parent = zygote("unfit", PYTHONPATH=f"{SOURCE}:{tmp_path}")
    error = parent.hear()["error"]
    assert error.startswith("scale.preload: ")
    assert "unfit" in error
    assert said in error


def ahead_of(parent) -> int:
    """The child that a zygote has forked ahead, once it only waits to be born."""
    children = Path(f"/proc/{parent.process.pid}/task/{parent.process.pid}/children")
    while not (found := children.read_text().split()):
        pass
    pid = int(found[-1])
    waits = Path(f"/proc/{pid}/syscall")
    while not waits.read_text().startswith(f"{RECVMSG} "):
        pass
    return pid


RECVMSG = {"x86_64": 47, "aarch64": 212}[os.uname().machine]


def test_a_child_that_was_forked_ahead_holds_nothing_and_is_the_next_instance(zygote, skill):
    parent = zygote()
    parent.hear()
    pid = ahead_of(parent)
    its = {target for number, target in opened(pid).items() if number > 2}
    assert sum(each.startswith("socket:") for each in its) == 1, "that of its birth"
    assert not its & set(opened(parent.process.pid).values())
    one = parent.fork("one", skill)
    assert parent.hear()["pid"] == pid
    assert one.told()["ready"]
    assert ask(one.target, "threads")[1] <= 2


def test_a_child_that_was_forked_ahead_and_killed_costs_nobody_anything(zygote, skill):
    parent = zygote()
    parent.hear()
    for name in ("one", "two"):
        pid = ahead_of(parent)
        os.kill(pid, signal.SIGKILL)
        gone(pid)
        one = parent.fork(name, skill)
        assert parent.hear()["op"] == "forked"
        assert one.told()["ready"]
        assert ask(one.target, "pid")[0] == 200
        parent.say(op="kill", id=name, signal=signal.SIGKILL)
        assert parent.hear()["id"] == name
