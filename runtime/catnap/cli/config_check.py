"""The whole configuration, looked at without starting any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from catnap.access.egress import Networks
from catnap.access.listen import check_listen
from catnap.access.roles import check_role
from catnap.cli.authorities import authorities
from catnap.cli.listened import listened, tls_files
from catnap.cli.settings import NAMES, Settings, find_file, read_settings
from catnap.errors import InvalidRequest
from catnap.errors.nearest import nearest
from catnap.files.bounds import Bounds
from catnap.files.bucket import Bucket
from catnap.http.server_tls import server_context
from catnap.models.file import read as read_models
from catnap.models.own import complete
from catnap.models.settings import Models
from catnap.packages import Index
from catnap.services.containers.settings import BuildSettings
from catnap.skills.manifest import Manifest, parse_manifest
from catnap.skills.manifest_check import problems
from catnap.store import check_uri

PREFIX = "CATNAP_"
_ELSEWHERE = (
    *("BASE", "BUILDER", "COMMIT"),
    *("CONCURRENCY", "GRACE", "INSTANCE", "LOG", "SECRETS", "UV", "WORKSPACES"),
)
"""Variables that building images and `catnap host` read."""

_LISTENING = ("http", "grpc", "callback", "egress", "plain")


class Problem(msgspec.Struct, frozen=True, order=True):
    """where: a file or a variable. problem: what is wrong there, and what to do."""

    where: str
    problem: str


class Checked(msgspec.Struct, frozen=True):
    """What was looked at, and all that is wrong with it."""

    file: str
    """The catnap.toml that counts; empty for none."""
    skills: list[str]
    problems: list[Problem]


def check(flags: Mapping[str, str | None], environment: Mapping[str, str], folder: Path) -> Checked:
    """What a command would be told that runs in `folder`."""
    found: list[Problem] = []

    def report(error: InvalidRequest) -> None:
        where, _, problem = error.message.partition(": ")
        found.append(Problem(where, problem) if problem else Problem("settings", where))

    settings = read_settings(flags, environment, folder, report)
    found += _variables(environment)
    found += _refused("environment", BuildSettings.read, environment)
    found += _refused("CATNAP_EGRESS_NETWORKS", Networks.parse, settings.egress_networks)
    found += _refused("CATNAP_FILES_BOUNDS", Bounds.parse, settings.files_bounds)
    if settings.index:
        found += _refused("CATNAP_INDEX", Index.parse, settings.index)
    if settings.files:
        found += _refused("CATNAP_FILES", Bucket.parse, settings.files)
    if settings.store:
        found += _refused("CATNAP_STORE", check_uri, settings.store)
    found += _refused("CATNAP_TLS_CERT", _tls, settings)
    found += _refused("[[issuers]]", authorities, settings)
    found += _addresses(settings)
    found += _keys(settings)
    models = _models(settings.models_file, found)
    skills = _skills(settings.functions, models, found)
    file = find_file(folder)
    return Checked(str(file or ""), skills, found)


def _refused(where: str, look: Callable[..., object], *given: object) -> Iterator[Problem]:
    try:
        look(*given)
    except InvalidRequest as error:
        yield Problem(where, error.message)


def _variables(environment: Mapping[str, str]) -> Iterator[Problem]:
    known = [PREFIX + each for each in (*map(str.upper, NAMES), *_ELSEWHERE)]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            yield Problem(name, f"there is no such variable: {nearest(name, known)}")


def _tls(settings: Settings) -> None:
    listened(settings, "http")
    listened(settings, "grpc")
    files = tls_files(settings)
    if files is not None:
        server_context(files)


def _addresses(settings: Settings) -> Iterator[Problem]:
    """Two servers at one address, or one that anybody may reach."""
    listening = {name: getattr(settings, name).removeprefix("https://") for name in _LISTENING}
    taken = Counter(each for each in listening.values() if not each.endswith(":0"))
    for name, address in listening.items():
        if not address:
            continue
        where = PREFIX + name.upper()
        if taken[address] > 1:
            yield Problem(where, f"{address} is another server's address, too")
        yield from _refused(where, check_listen, address, bool(settings.admin_key))


def _keys(settings: Settings) -> Iterator[Problem]:
    """One secret for two keys: only one of them would ever be found."""
    by_hash: dict[str, str] = {}
    for key in settings.keys:
        other = by_hash.setdefault(key.hash, key.name)
        if other != key.name:
            yield Problem("[[keys]]", f"{key.name!r} and {other!r} have one hash: one secret each")
    for name, count in Counter(key.name for key in settings.keys).items():
        if count > 1:
            yield Problem("[[keys]]", f"{count} keys are called {name!r}: name each differently")


def _models(file: Path | None, found: list[Problem]) -> frozenset[str]:
    """What skills may ask; empty where nobody knows. What is wrong with the file
    joins what was found."""
    try:
        config = read_models(file) if file else Models()
    except InvalidRequest as error:
        for line in error.message.split("\n"):
            where, _, problem = line.partition(": ")
            found.append(Problem(where, problem))
        return frozenset()
    models = complete(config).models
    return frozenset((*models, *(alias for each in models.values() for alias in each.aliases)))


def _skills(functions: Path, models: frozenset[str], found: list[Problem]) -> list[str]:
    """The skills' names. What is wrong with them joins what was found."""
    if not functions.is_dir():
        problem = f"{functions} is no folder: `catnap new NAME` begins one"
        found.append(Problem("CATNAP_FUNCTIONS", problem))
        return []
    paths = sorted(functions.glob("*/skill.toml"))
    for path in paths:
        found += [Problem(str(path), each) for each in _manifest(path, models)]
    return [path.parent.name for path in paths]


def _manifest(path: Path, models: frozenset[str]) -> Iterator[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield f"cannot be read: {error}"
        return
    wrong = problems(text)
    yield from wrong
    if not wrong:
        manifest = parse_manifest(text, str(path))
        yield from _in_its_place(manifest, path.parent)
        for model in manifest.models.allow:
            if models and model not in models:
                yield f"models.allow: there is no model {model!r}: {nearest(model, sorted(models))}"


def _in_its_place(manifest: Manifest, folder: Path) -> Iterator[str]:
    """What the rest of the folder, and the platform, make of a good manifest."""
    if manifest.name != folder.name:
        yield f"name: it is {manifest.name!r}, and the folder {folder.name!r}: make them the same"
    module = folder.joinpath(*manifest.entry.partition(":")[0].split("."))
    if not module.with_suffix(".py").is_file() and not (module / "__init__.py").is_file():
        yield f"entry: there is no {module.relative_to(folder)}.py in its folder"
    if (folder / "requirements.in").is_file() and not (folder / "requirements.txt").is_file():
        yield f"requirements.in has no lock beside it: `catnap lock {folder.name}` makes one"
    for role in manifest.access.roles:
        for wrong in _refused("access.roles", check_role, role):
            yield f"{wrong.where}: {wrong.problem}"
