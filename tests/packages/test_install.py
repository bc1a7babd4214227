"""ctx.install on a whole platform: skills in processes of their own, a real uv, a
real index."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httptools
import msgspec
import pytest

from catnap.errors import (
    CatnapError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from tests.packages.simple import SimpleIndex
from tests.packages.wheels import File, file, wheel
from tests.platform.running import Running
from tests.platform.test_lifecycle import wait_for_end
from tests.services.test_environment import installed as own_files
from tests.services.test_environment import wheel as own_wheel

SWAPPED = File(
    "swapped-1.0-py3-none-any.whl",
    wheel("swapped", modules={"swapped.py": "value = 'another'\n"}).content,
    wheel("swapped").sha256,
)
"""Its metadata is what it should be; its content is another."""
FUNCTIONS = Path(__file__).parent / "functions"


@pytest.fixture(scope="module")
def packages() -> Iterator[SimpleIndex]:
    index = SimpleIndex("json with metadata")
    index.add("table", wheel("table", "1.0", ["solid"]), wheel("table", "2.0", ["solid>=2"]))
    index.add("solid", wheel("solid", "1.0"), wheel("solid", "2.0"))
    index.add("tabel", wheel("tabel", "1.0"))
    yield index
    index.close()


@pytest.fixture(scope="module")
def platform(packages: SimpleIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    functions = tmp_path_factory.mktemp("functions")
    shutil.copytree(FUNCTIONS / "lab", functions / "lab")
    own = shutil.copytree(FUNCTIONS / "lab", functions / "own")
    toml = (own / "skill.toml").read_text()
    (own / "skill.toml").write_text(toml.replace('name = "lab"', 'name = "own"'))
    (own / "requirements.txt").write_text(
        own_wheel(home, "msgspec", own_files("msgspec", msgspec.__file__))
        + own_wheel(home, "httptools", own_files("httptools", httptools.__file__))
        + own_wheel(home, "solid", {"solid.py": b"value = 'of the skill'\n"})
    )
    running = Running(home, functions, CATNAP_INDEX=packages.url, CATNAP_MODELS="127.0.0.1:1")
    yield running
    assert running.stop() == 0


@pytest.fixture
def index(packages: SimpleIndex) -> Iterator[SimpleIndex]:
    """As each test finds it: there."""
    packages.asked.clear()
    yield packages
    packages.down = False


class Lab:
    """A session of the skill. asked: requirements, each set at once."""

    def __init__(self, platform: Running, session: str, skill: str = "lab") -> None:
        self._platform = platform
        self._session = session
        self._skill = skill

    def __call__(
        self,
        *asked: list[str],
        modules: tuple[str, ...] = (),
        end: bool = False,
        lock: str | None = None,
    ) -> dict[str, Any]:
        with self._platform.client() as client:
            work = {"install": asked, "modules": modules, "end": end, "lock": lock}
            reply = client.invoke(self._skill, work, session=self._session)
            self.timings = reply.timings
            found: dict[str, Any] = reply.json()
            return found

    def end(self) -> None:
        """The instance's, after a call in good order."""
        assert wait_for_end(self(end=True)["pid"], 10)


@pytest.fixture
def lab(platform: Running, index: SimpleIndex, request: pytest.FixtureRequest) -> Lab:
    return Lab(platform, request.node.name[:60])


def test_what_is_installed_is_imported_with_all_that_it_needs(lab: Lab) -> None:
    found = lab(["table==1.0"], modules=("table", "solid"))
    assert found["installed"] == {"solid": "2.0", "table": "1.0"}
    assert found["values"] == {"table": "1.0", "solid": "2.0"}


def test_what_is_there_already_is_installed_by_nobody(lab: Lab, index: SimpleIndex) -> None:
    first = lab(["table==1.0"])
    asked = len(index.asked)
    index.down = True
    assert lab(["table == 1.0"], ["Table==1.0"]) == first
    assert len(index.asked) == asked


def test_two_sessions_have_two_versions(platform: Running, index: SimpleIndex) -> None:
    old, new = Lab(platform, "old"), Lab(platform, "new")
    assert old(["table<2"], ["solid<2"], modules=("table", "solid"))["values"] == {
        "table": "1.0",
        "solid": "1.0",
    }
    assert new(["table"], modules=("table", "solid"))["values"] == {"table": "2.0", "solid": "2.0"}
    assert old(modules=("table",))["values"] == {"table": "1.0"}
    assert Lab(platform, "neither")(modules=("table",))["values"] == {"table": None}


def test_what_a_session_installs_comes_before_what_its_skill_came_with(
    platform: Running, index: SimpleIndex
) -> None:
    with_own = Lab(platform, "with", "own")
    assert with_own(["table"], modules=("solid",))["values"] == {"solid": "2.0"}
    assert Lab(platform, "without", "own")(modules=("solid",))["values"] == {
        "solid": "of the skill"
    }


def test_installs_of_one_session_are_made_one_after_the_other(lab: Lab) -> None:
    found = lab(["table==1.0"], ["solid==1.0"], ["table==1.0"], modules=("table", "solid"))
    assert found["values"] == {"table": "1.0", "solid": "1.0"}
    assert found["installed"] == {"solid": "1.0", "table": "1.0"}


def test_what_was_asked_for_before_stays_where_it_can(lab: Lab) -> None:
    lab(["solid==1.0"])
    assert lab(["table"])["installed"] == {"solid": "1.0", "table": "1.0"}
    assert lab(["solid"])["installed"] == {"solid": "1.0", "table": "1.0"}
    assert lab(["solid==2.0"])["installed"]["solid"] == "2.0"


def test_what_a_session_has_installed_is_there_again_where_it_wakes(
    lab: Lab, index: SimpleIndex
) -> None:
    before = lab(["table==1.0"], modules=("table",))
    lab.end()
    index.down = True
    after = lab(modules=("table", "solid"))
    assert after["values"] == {"table": "1.0", "solid": "2.0"}
    assert after["pid"] != before["pid"]
    assert lab.timings["install"] > 0
    assert lab(["table==1.0"])["installed"] == before["installed"]
    assert "install" not in lab.timings


def test_the_lock_is_all_that_the_workspace_has_of_it(lab: Lab) -> None:
    assert lab(["table==1.0"])["kept"] == [".catnap", ".catnap/packages.lock"]


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ("tabel", PermissionDenied, "add it to allow under"),
        ("table @ http://127.0.0.1:1/table-1.0-py3-none-any.whl", InvalidRequest, "no address"),
        ("./table", InvalidRequest, "no path"),
        ("--index-url=http://127.0.0.1:1/simple", InvalidRequest, "options"),
        ("table==9", InvalidRequest, "no wheel of such a version"),
        ("evil-twin==2.0", PermissionDenied, "other versions"),
        ("only-sources", InvalidRequest, "sources alone"),
        ("missing", NotFound, "no package 'missing'"),
    ],
)
def test_what_may_not_be_installed_is_refused_with_the_reason(
    lab: Lab, index: SimpleIndex, asked: str, error: type[CatnapError], said: str
) -> None:
    index.files["only-sources"] = [file("only-sources-1.0.tar.gz", b"source")]
    index.files["evil-twin"] = [wheel("evil-twin", "1.0"), wheel("evil-twin", "2.0")]
    with pytest.raises(error, match=said):
        lab(["table", asked])
    assert lab(modules=("table",))["values"] == {"table": None}


def test_where_the_settings_name_no_index_nothing_is_installed(tmp_path: Path) -> None:
    shutil.copytree(FUNCTIONS / "lab", tmp_path / "functions" / "lab")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    running = Running(home, tmp_path / "functions", CATNAP_MODELS="127.0.0.1:1")
    try:
        with pytest.raises(PermissionDenied, match="CATNAP_INDEX names no index"):
            Lab(running, "without")(["table"])
    finally:
        assert running.stop() == 0


async def test_who_asks_for_what_is_not_allowed_is_in_the_audit(
    lab: Lab, platform: Running
) -> None:
    with pytest.raises(PermissionDenied):
        await asyncio.to_thread(lab, ["noted"])
    denied = ""
    while "'noted' may not be installed" not in denied:  # it is written behind the answer
        _, _, audit = await platform.request("GET", "/audit?action=packages.use")
        denied = " ".join(each["detail"] for each in json.loads(audit)["records"])


def test_a_wheel_that_needs_what_has_only_sources_is_not_installed(
    lab: Lab, index: SimpleIndex
) -> None:
    index.files["solid-source"] = [file("solid-source-1.0.tar.gz", b"source")]
    index.files["needy"] = [wheel("needy", "1.0", ["solid-source"])]
    with pytest.raises(InvalidRequest, match="solid-source"):
        lab(["needy"])


def test_a_wheel_that_names_an_address_is_not_installed(lab: Lab, index: SimpleIndex) -> None:
    needs = f"tabel @ {index.origin}/files/tabel-1.0-py3-none-any.whl"
    index.files["addressed"] = [wheel("addressed", "1.0", [needs])]
    with pytest.raises(InvalidRequest, match="tabel"):
        lab(["addressed"])
    assert lab(modules=("tabel", "addressed"))["values"] == {"tabel": None, "addressed": None}


def test_a_wheel_that_was_swapped_is_not_installed(lab: Lab, index: SimpleIndex) -> None:
    index.files["swapped"] = [SWAPPED]
    with pytest.raises(Unavailable):
        lab(["swapped"])
    assert lab(modules=("swapped",))["values"] == {"swapped": None}


def test_an_install_that_fails_costs_none_of_those_before(lab: Lab, index: SimpleIndex) -> None:
    index.files["swapped"] = [SWAPPED]
    lab(["table==1.0"])
    with pytest.raises(Unavailable):
        lab(["swapped"])
    assert lab(modules=("table",))["values"] == {"table": "1.0"}
    assert lab(["solid==2.0"])["installed"] == {"solid": "2.0", "table": "1.0"}
    with pytest.raises(Unavailable):
        lab(["swapped"])
    lab.end()
    assert lab(modules=("table",))["values"] == {"table": "1.0"}


def test_a_wheel_writes_nowhere_but_where_it_belongs(
    lab: Lab, index: SimpleIndex, platform: Running, tmp_path: Path
) -> None:
    out = {f"../../../../../{'../' * 12}{str(tmp_path)[1:]}/out.py": "", "/tmp/slipped.py": ""}
    content = io.BytesIO(wheel("slip", "3.0").content)
    with zipfile.ZipFile(content, "a") as archive:
        for path in (*out, f"{tmp_path}/out.py", "../up.py", "slip-3.0.data/data/../../../../d.py"):
            archive.writestr(path, "value = 1\n")
    index.files["slip"] = [file("slip-3.0-py3-none-any.whl", content.getvalue())]
    assert lab(["slip"], modules=("slip",))["values"] == {"slip": "3.0"}
    assert not [*tmp_path.iterdir()]
    assert not Path("/tmp/slipped.py").exists()
    above = [each for each in platform.home.rglob("*.py") if each.name in ("up.py", "d.py")]
    assert not above


def test_a_package_named_as_one_of_the_hosts_is_not_the_hosts(lab: Lab, index: SimpleIndex) -> None:
    index.files["msgspec"] = [wheel("msgspec", "99.0")]
    before = lab()
    after = lab(["msgspec==99.0"])
    assert after["installed"] == {"msgspec": "99.0"}
    assert after["host"] == before["host"]
    lab.end()
    assert lab()["host"] == before["host"]


@pytest.mark.parametrize(
    "lock",
    [
        "# asked: tabel\ntabel==1.0 --hash=sha256:{tabel}\n",
        "--index-url {origin}/simple/\ntabel==1.0 --hash=sha256:{tabel}\n",
        "tabel @ {origin}/files/tabel-1.0-py3-none-any.whl --hash=sha256:{tabel}\n",
        "-r /etc/passwd\n",
        "table==1.0 --hash=sha256:{tabel}\n",
        "\0",
    ],
)
def test_a_lock_that_the_session_has_written_opens_nothing(
    lab: Lab, index: SimpleIndex, lock: str
) -> None:
    [tabel] = index.files["tabel"]
    lab(lock=lock.format(tabel=tabel.sha256, origin=index.origin))
    lab.end()
    index.asked.clear()
    assert lab(modules=("tabel", "table"))["values"] == {"tabel": None, "table": None}
    assert "/files/tabel-1.0-py3-none-any.whl" not in index.asked
    assert lab(["table==1.0"], modules=("table",))["values"] == {"table": "1.0"}


def test_while_the_index_is_away_the_call_may_be_made_again(lab: Lab, index: SimpleIndex) -> None:
    index.files["late"] = [wheel("late", "1.1")]
    index.down = True
    with pytest.raises(Unavailable, match="503"):
        lab(["late"])
    index.down = False
    with pytest.raises(InvalidRequest, match="no wheel of such a version"):
        lab(["late==9"])
    index.down = True
    with pytest.raises(Unavailable):
        lab(["late"])  # the installer is who finds out
    index.down = False
    assert lab(["late"], modules=("late",))["values"] == {"late": "1.1"}


@pytest.mark.skipif(
    not os.environ.get("CATNAP_TEST_INDEX"),
    reason="asks a real index: set CATNAP_TEST_INDEX to one that has six, as https://host/simple/",
)
def test_a_real_index_is_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {"CATNAP_INDEX": os.environ["CATNAP_TEST_INDEX"], "CATNAP_MODELS": "127.0.0.1:1"}
    running = Running(home, FUNCTIONS, **environment)
    try:
        found = Lab(running, "real")(["six==1.16.0"])
    finally:
        running.stop()
    assert found["installed"] == {"six": "1.16.0"}
