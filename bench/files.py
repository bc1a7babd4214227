"""A large file up and down: through the gateway and by link, beside boto3 on the same server.

The server is versitygw over a folder, the clients write to and read from a
disk. The ways take turns; what counts is the median of their bytes per second.
`--size 5` for 5 GB.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from catnap.cli import direct
from catnap.files.bucket import Bucket, client
from catnap.skills.files import Shared
from tests.contract import versitygw
from tests.platform.running import Running

GB = 10**9
TURNS = 3
PART = 1 << 20
OPTIONS = {"size": (1.0, "GB of the file, up to 5")}
UP, DOWN = "up", "down"
Way = Callable[[Path], None]


def main(size: float = 1.0) -> dict[str, Any]:
    program = versitygw.find()
    if program is None:
        raise SystemExit(versitygw.HOW)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        _fill(source, int(size * GB))
        (folder / "s3").mkdir()
        with (
            versitygw.running(program, folder / "s3") as bucket,
            _platform(folder, bucket) as platform,
        ):
            return _measure(source, folder / "got", bucket, platform, size)


def _measure(
    source: Path, got: Path, bucket: Bucket, platform: Running, size: float
) -> dict[str, Any]:
    pid = platform.process.pid
    idle = _memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    boto, gateway = _Boto(bucket), _Gateway(platform)
    ways: dict[str, dict[str, Way]] = {
        UP: {"boto3": boto.up, "gateway": gateway.up, "link": gateway.up_by_link},
        DOWN: {"boto3": boto.down, "gateway": gateway.down, "link": gateway.down_by_link},
    }
    rates: dict[str, dict[str, list[float]]] = {way: {} for way in ways}
    for _ in range(TURNS):
        for direction, each in ways.items():
            for name, way in each.items():
                began = time.perf_counter()
                way(source if direction == UP else got)
                rate = size * GB / 1e6 / (time.perf_counter() - began)
                rates[direction].setdefault(name, []).append(rate)
                if direction == DOWN:
                    assert _digest(got) == _digest(source), name
                    got.unlink()
    medians = {
        direction: {name: round(statistics.median(each)) for name, each in found.items()}
        for direction, found in rates.items()
    }
    return {
        "size_gb": size,
        "mb_per_s": medians,
        "of_boto3": {
            f"{name}_{direction}": round(rate / found["boto3"], 2)
            for direction, found in medians.items()
            for name, rate in found.items()
            if name != "boto3"
        },
        "finish_s": round(statistics.median(gateway.finished), 2),
        "rss_above_idle_mib": round(_memory(pid, "VmHWM") - idle),
        "idle_mib": round(idle),
    }


class _Boto:
    """As its documentation has it: the transfer manager with its defaults."""

    def __init__(self, bucket: Bucket) -> None:
        self._client, self._bucket = client(bucket), bucket.name

    def up(self, source: Path) -> None:
        self._client.upload_file(str(source), self._bucket, "plain")

    def down(self, got: Path) -> None:
        self._client.download_file(self._bucket, "plain", str(got))


class _Gateway:
    def __init__(self, platform: Running) -> None:
        self._place = platform.http
        self._key = {"authorization": f"Bearer {platform.key}"}
        self.finished: list[float] = []

    def up(self, source: Path) -> None:
        length = {"content-length": str(source.stat().st_size)}
        _send(f"http://{self._place}/files/user/through", source, self._key | length)

    def down(self, got: Path) -> None:
        _receive(f"http://{self._place}/files/user/through", got, self._key)

    def up_by_link(self, source: Path) -> None:
        asked = {"size": source.stat().st_size, "part_size": direct.PART}
        link = _ask(
            "POST", f"http://{self._place}/links/user/linked", json.dumps(asked).encode(), self._key
        )
        direct.send(msgspec.convert(link, Shared), source, link["url"])
        began = time.perf_counter()
        _ask("PUT", f"http://{self._place}{link['finish']}", b"", {})
        self.finished.append(time.perf_counter() - began)

    def down_by_link(self, got: Path) -> None:
        link = _ask("GET", f"http://{self._place}/links/user/linked", b"", self._key)
        _receive(link["url"], got, {})


def _ask(method: str, url: str, body: bytes, headers: dict[str, str]) -> Any:
    with _connected(url) as (connection, path):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status < 300, data
        return json.loads(data)


def _send(url: str, source: Path, headers: dict[str, str]) -> None:
    with _connected(url) as (connection, path), source.open("rb") as file:
        connection.putrequest("PUT", path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendfile(file)
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        answer.read()


def _receive(url: str, got: Path, headers: dict[str, str]) -> None:
    with _connected(url) as (connection, path), got.open("wb") as file:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        shutil.copyfileobj(answer, file, PART)


@contextmanager
def _connected(url: str) -> Iterator[tuple[http.client.HTTPConnection, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.connect()
    try:
        yield connection, f"{parts.path}?{parts.query}"
    finally:
        connection.close()


@contextmanager
def _platform(folder: Path, bucket: Bucket) -> Iterator[Running]:
    (folder / "functions").mkdir()
    (folder / "home").mkdir(mode=0o700)
    platform = Running(
        folder / "home",
        folder / "functions",
        CATNAP_FILES=f"s3://{bucket.name}?endpoint={bucket.endpoint}",
        AWS_ACCESS_KEY_ID=bucket.access_key,
        AWS_SECRET_ACCESS_KEY=bucket.secret_key,
    )
    try:
        yield platform
    finally:
        platform.stop()


def _fill(path: Path, size: int) -> None:
    part = os.urandom(PART)
    with path.open("wb") as file:
        for number in range(-(-size // PART)):
            file.write(number.to_bytes(8, "big") + part[8:])
        file.truncate(size)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def _memory(pid: int, name: str) -> float:
    """MiB, as the kernel counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def table(result: dict[str, Any]) -> str:
    rates, ratios = result["mb_per_s"], result["of_boto3"]
    lines = [
        f"{direction:5}MB/s   boto3 {found['boto3']:,}   gateway {found['gateway']:,} "
        f"({ratios[f'gateway_{direction}']:.2f} of boto3, wanted 0.60)   "
        f"link {found['link']:,} ({ratios[f'link_{direction}']:.2f}, wanted 0.95)"
        for direction, found in rates.items()
    ]
    memory = f"gateway's memory above idle, MiB  {result['rss_above_idle_mib']} (wanted 150)"
    finish = f"an upload by link is put in its place in {result['finish_s']} s"
    return "\n".join([*lines, memory, finish])
