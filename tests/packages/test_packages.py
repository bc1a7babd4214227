"""The index as a skill may see it, over a real one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from catnap.errors import InvalidRequest, NotFound, PermissionDenied, Unavailable
from catnap.packages import Bounds, Index, Packages
from tests.packages.simple import SimpleIndex
from tests.packages.wheels import File, file, wheel

TABLE, NEWER = wheel("table", "1.0", ["solid"]), wheel("table", "2.0", ["liquid"])
SOLID, LIQUID, SECRET = wheel("solid"), wheel("liquid"), wheel("secret")
ALLOW = ("table",)


@pytest.fixture
def index(index: SimpleIndex) -> SimpleIndex:
    index.add("table", TABLE, NEWER, file("table-1.0.tar.gz", b"source"))
    for each in (SOLID, LIQUID, SECRET):
        index.add(each.filename.partition("-")[0], each)
    return index


@pytest_asyncio.fixture
async def make(index: SimpleIndex, tmp_path: Path) -> AsyncIterator[Callable[..., Packages]]:
    """Of one folder, as a gateway that is started again has it. now: its clock,
    in seconds; where it stands still no page is asked for twice."""
    made: list[Packages] = []

    def packages(url: str = "", now: float = 0.0, **bounds: float) -> Packages:
        where = Index.parse(url or index.url)
        made.append(Packages(where, tmp_path / "kept", lambda: now, Bounds(**bounds)))  # type: ignore[arg-type]
        return made[-1]

    yield packages
    for each in made:
        each.close()


async def page(packages: Packages, name: str, allow: tuple[str, ...] = ALLOW) -> list[str]:
    """The filenames that an installer is told of."""
    found: dict[str, Any] = json.loads(await packages.page(allow, name))
    return [each["filename"] for each in found["files"]]


async def content(packages: Packages, of: File, allow: tuple[str, ...] = ALLOW) -> bytes:
    size, blocks = await packages.wheel(allow, of.sha256, of.filename)
    whole = b"".join([block async for block in blocks])
    assert size == len(whole)
    return whole


async def about(packages: Packages, of: File, allow: tuple[str, ...] = ALLOW) -> bytes:
    return await packages.metadata(allow, of.sha256, of.filename)


async def test_wheels_of_what_is_allowed_are_there(make: Callable[..., Packages]) -> None:
    packages = make()
    assert await page(packages, "table") == [TABLE.filename, NEWER.filename]
    assert await page(packages, "Table") == [TABLE.filename, NEWER.filename]
    assert await content(packages, TABLE) == TABLE.content
    assert b"Requires-Dist: solid" in await about(packages, TABLE)


async def test_bounds_of_what_is_allowed_count_for_pages_and_files(
    make: Callable[..., Packages],
) -> None:
    packages = make()
    assert await page(packages, "table", ("table<2",)) == [TABLE.filename]
    with pytest.raises(NotFound):
        await content(packages, NEWER, ("table<2",))
    with pytest.raises(NotFound):
        await about(packages, NEWER, ("table<2",))


async def test_what_a_wheel_needs_is_there_once_its_metadata_was_asked_for(
    make: Callable[..., Packages],
) -> None:
    packages = make()
    for attempt in (page(packages, "solid"), content(packages, SOLID), about(packages, SOLID)):
        with pytest.raises(PermissionDenied, match="neither allowed nor needed"):
            await attempt
    await about(packages, TABLE)
    assert await page(packages, "solid") == [SOLID.filename]
    assert await content(packages, SOLID) == SOLID.content
    # Another version needs it, and somebody has asked for that one.
    await about(packages, NEWER, ("table",))
    with pytest.raises(PermissionDenied):
        await page(packages, "liquid", ("table<2",))
    assert await page(packages, "liquid") == [LIQUID.filename]


async def test_what_was_learnt_outlives_the_gateway(make: Callable[..., Packages]) -> None:
    await about(make(), TABLE)
    assert await page(make(), "solid") == [SOLID.filename]


@pytest.mark.parametrize("name", ["secret", "tabel", "tab1e", "table2", "..", "../secret", "", "%"])
async def test_what_is_only_like_it_is_not_there(
    make: Callable[..., Packages], index: SimpleIndex, name: str
) -> None:
    packages = make()
    await about(packages, TABLE)
    before = len(index.asked)
    with pytest.raises(PermissionDenied):
        await page(packages, name)
    assert len(index.asked) == before


@pytest.mark.parametrize(
    ("sha256", "filename"),
    [
        (NEWER.sha256, TABLE.filename),
        ("00" * 32, TABLE.filename),
        ("../" + TABLE.sha256, TABLE.filename),
        (TABLE.sha256, "../" + TABLE.filename),
        (TABLE.sha256, "..%2f" + TABLE.filename),
        (TABLE.sha256, "table-1.0.tar.gz"),
        (TABLE.sha256, "table-3.0-py3-none-any.whl"),
        (TABLE.sha256, "/etc/passwd"),
        (TABLE.sha256, ""),
    ],
)
async def test_a_file_is_had_by_its_own_hash_and_name_alone(
    make: Callable[..., Packages], sha256: str, filename: str
) -> None:
    packages = make()
    await content(packages, TABLE)
    with pytest.raises(NotFound):
        await packages.wheel(ALLOW, sha256, filename)
    with pytest.raises(NotFound):
        await packages.metadata(ALLOW, sha256, filename)


async def test_a_wheel_is_fetched_once_for_all(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    packages = make()
    for _ in range(3):
        await content(packages, TABLE)
    await content(make(), TABLE, ("table==1.0", "other"))
    assert index.asked.count(f"/files/{TABLE.filename}") == 1


async def test_what_is_kept_can_be_changed_by_nobody(
    make: Callable[..., Packages], tmp_path: Path
) -> None:
    await content(make(), TABLE)
    [kept] = (tmp_path / "kept").glob("*/wheels/*")
    assert kept.stat().st_mode & 0o777 == 0o400
    assert kept.name == TABLE.sha256


async def test_another_wheel_than_the_index_has_promised_is_not_given(
    make: Callable[..., Packages], index: SimpleIndex, tmp_path: Path
) -> None:
    swapped = File(TABLE.filename, NEWER.content, TABLE.sha256)
    index.files["table"] = [swapped]
    with pytest.raises(Unavailable, match="not what the index has promised"):
        await content(make(), swapped)
    assert not [each for each in (tmp_path / "kept").rglob("*/wheels/*") if each.is_file()]
    assert not [*(tmp_path / "kept").glob("*/parts/*")]


async def test_metadata_of_another_package_opens_nothing(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    lies = wheel("table", "3.0", about="Name: table\nVersion: 1.0\nRequires-Dist: secret\n")
    index.files["table"] = [lies]
    packages = make()
    with pytest.raises(Unavailable, match=r"the metadata of table 3\.0 is of table 1\.0"):
        await about(packages, lies)
    with pytest.raises(PermissionDenied):
        await page(packages, "secret")


async def test_an_index_that_lacks_the_metadata_it_has_promised_has_the_wheel(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    index.moved[f"/files/{TABLE.filename}.metadata"] = "/files/gone"
    assert b"Requires-Dist: solid" in await about(make(), TABLE)


async def test_a_file_that_is_no_wheel_has_no_metadata(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    index.form = "json"  # else it is the index that has read it
    broken = file("table-4.0-py3-none-any.whl", b"PK\x03\x04 no zip")
    several = wheel("table", "5.0", modules={"x-1.dist-info/METADATA": ""})
    index.files["table"] = [broken, several]
    for each in (broken, several):
        with pytest.raises(Unavailable, match="table"):
            await about(make(), each)


async def test_what_is_too_large_is_not_kept(
    make: Callable[..., Packages], index: SimpleIndex, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match="more than 100 bytes"):
        await content(make(wheel=100), TABLE)
    with pytest.raises(Unavailable, match="more than 100 bytes"):
        await page(make(page=100), "solid", ("solid",))
    if index.form != "json":
        with pytest.raises(Unavailable):
            await about(make(metadata=10), TABLE)
    assert not [*(tmp_path / "kept").rglob("parts/*")]


async def test_the_wheel_that_was_used_longest_ago_makes_room(
    make: Callable[..., Packages], tmp_path: Path
) -> None:
    packages = make(kept=len(TABLE.content) + len(LIQUID.content))
    allow = ("table", "solid", "liquid")
    for each in (TABLE, SOLID, TABLE, LIQUID):
        await content(packages, each, allow)
    kept = {each.name for each in (tmp_path / "kept").glob("*/wheels/*")}
    assert kept == {TABLE.sha256, LIQUID.sha256}


async def test_while_the_index_is_away_what_was_read_is_there(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    packages = make()
    await about(packages, TABLE)
    await content(packages, TABLE)
    index.down = True
    later = make(now=1e6)
    assert await page(later, "table") == [TABLE.filename, NEWER.filename]
    assert b"solid" in await about(later, TABLE)
    assert await content(later, TABLE) == TABLE.content
    for attempt in (content(later, NEWER), page(later, "solid")):
        with pytest.raises(Unavailable, match="503"):
            await attempt


async def test_a_page_is_asked_for_again_after_a_while_and_read_if_it_changed(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    assert len(await page(make(now=0), "table")) == 2
    index.files["table"].append(wheel("table", "3.0"))
    assert len(await page(make(now=59), "table")) == 2
    assert len(await page(make(now=61), "table")) == 3
    asked = len(index.asked)
    assert len(await page(make(now=1000), "table")) == 3  # by its ETag
    assert len(index.asked) == asked + 1


async def test_pages_of_one_index_are_not_another_ones(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    await page(make(), "table")
    other = SimpleIndex("json")
    try:
        with pytest.raises(NotFound, match="no package 'table'"):
            await page(make(other.url), "table")
    finally:
        other.close()


async def test_redirects_are_followed_to_where_the_index_may_lead(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    index.moved["/files/" + TABLE.filename] = "/elsewhere"
    index.moved["/elsewhere"] = "/files/" + NEWER.filename
    index.files["table"] = [File(TABLE.filename, b"", NEWER.sha256), NEWER]
    assert await content(make(), index.files["table"][0]) == NEWER.content


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/admin",
        "https://localhost/",
        "file:///etc/passwd",
        "//127.0.0.1:1/x",
        "//127.0.0.1:x/",
        "http://ann:secret@127.0.0.1/",
    ],
)
async def test_no_redirect_leads_to_other_places_of_this_machine(
    make: Callable[..., Packages], index: SimpleIndex, where: str
) -> None:
    index.moved["/files/" + TABLE.filename] = where
    index.moved["/simple/solid/"] = where
    for attempt in (content(make(), TABLE), page(make(), "solid", ("solid",))):
        with pytest.raises(Unavailable, match="the index leads to") as refused:
            await attempt
        assert "secret" not in str(refused.value)


async def test_a_redirect_to_what_is_no_address_is_the_index_fault(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    index.moved["/simple/solid/"] = "http://[bad/"
    with pytest.raises(Unavailable, match="no address"):
        await page(make(), "solid", ("solid",))


async def test_no_redirect_goes_on_for_ever(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    index.moved["/files/" + TABLE.filename] = "/files/" + TABLE.filename
    with pytest.raises(Unavailable, match="more than 5 redirects"):
        await content(make(), TABLE)


async def test_credentials_are_shown_to_the_index_alone(
    make: Callable[..., Packages], index: SimpleIndex
) -> None:
    other = SimpleIndex()
    other.add("table", TABLE)
    try:
        index.credentials = "Basic YW5uOnNlY3JldA=="
        url = index.url.replace("http://", "http://ann:secret@")
        assert await page(make(url), "table") == [TABLE.filename, NEWER.filename]
        assert {*index.shown} == {index.credentials}
        with pytest.raises(Unavailable, match="401") as refused:
            await page(make(), "liquid", ("liquid",))
        assert "secret" not in str(refused.value)
    finally:
        other.close()


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ("table", None, ""),
        ("TABLE == 1.*", None, ""),
        ("tabel", PermissionDenied, "'tabel' may not be installed: add it to allow"),
        ("solid", PermissionDenied, "'solid' may not be installed"),
        ("table[plot]", PermissionDenied, r"write table\[plot\] in allow"),
        ("table==3", InvalidRequest, "no wheel of such a version"),
        ("table>=new", InvalidRequest, "the version is none"),
        ("source", InvalidRequest, "as sources alone"),
        ("missing", NotFound, "the index has no package 'missing'"),
        ("bound==2.0", PermissionDenied, "has other versions of it"),
        ("table @ https://evil.example/table.whl", InvalidRequest, "no address"),
        ("--pre", InvalidRequest, "options"),
    ],
)
async def test_what_speaks_against_an_install_is_said_before_it(
    make: Callable[..., Packages],
    index: SimpleIndex,
    asked: str,
    error: type[Exception] | None,
    said: str,
) -> None:
    index.add("source", file("source-1.0.tar.gz", b"source"))
    index.add("bound", wheel("bound", "1.0"), wheel("bound", "2.0"))
    allow = ("table", "source", "missing", "bound<2")
    if error is None:
        await make().check(allow, [asked])
    else:
        with pytest.raises(error, match=said):
            await make().check(allow, ["table", asked])


async def test_one_install_names_so_many_requirements(make: Callable[..., Packages]) -> None:
    await make().check(ALLOW, ["table"] * 64)
    with pytest.raises(InvalidRequest, match="at most 64"):
        await make().check(ALLOW, ["table"] * 65)
