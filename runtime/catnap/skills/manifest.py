"""skill.toml: what a skill is, what it needs and when it runs."""

from __future__ import annotations

import os
import re
import threading
import tomllib
from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import filters
from catnap.skills.duration import Duration
from catnap.skills.hosts import parse_pattern


class Scale(msgspec.Struct, frozen=True):
    """How many instances there may be, and for how long."""

    min: int = 0
    """Instances kept while nobody calls."""
    max: int = 10
    """Instances at most; 0 sets no bound."""
    concurrency: int = 10
    """Calls one instance handles at once; 0 sets no bound."""
    target: float | None = None
    """Calls an instance should have at once. Default: 70 % of concurrency."""
    window: Duration = Duration(60)
    """Time over which load is averaged, and without calls until zero: 6s to 1h."""
    idle: Duration = Duration(0)
    """Time the last instance stays on after that."""
    queue: int = 10_000
    """Calls that may wait for a place, here; of more, each is refused at once
    with 503 and Retry-After. On a cluster Knative's activator has its own bound."""
    preload: tuple[str, ...] = ()
    """Modules of its environment, not of its folder, that are imported once for
    all instances here, before any is started."""


class Limits(msgspec.Struct, frozen=True):
    """What one instance may take, as Kubernetes quantities."""

    cpu: str = "1"
    memory: str = "512Mi"
    gpu: int = 0
    timeout: Duration = Duration(300)
    """The longest one call may take: 1s to 600s, Knative's own bound."""


class Sessions(msgspec.Struct, frozen=True):
    """Who meets whom in one process."""

    affinity: bool = True
    """Calls of one session go to the same instance while it lives."""
    share: Literal["tenant", "user", "session"] = "tenant"
    """One instance serves: any user of a tenant, one user, or one session."""
    idle: Duration = Duration(900)
    """Time without a call after which a session is a new one: it may go to
    another instance, and by the traffic's shares to another revision."""
    workspace: bool = False
    """Each session has a folder, `ctx.workspace`, that outlives its instances."""
    max: int = 0
    """Sessions of one instance at most; 0 sets no bound. Of more, the one that
    was quiet longest is a new one. At least scale.concurrency: any of its
    calls may be of another session."""


class EventTrigger(msgspec.Struct, frozen=True):
    """Events that call the skill."""

    name: str
    """Unique within the skill; part of the Knative Trigger's name."""
    types: tuple[str, ...]
    """Event types, any of which will do."""
    filters: tuple[dict[str, Any], ...] = ()
    """CloudEvents Subscriptions filters, all of which must hold."""
    coalesce: Literal["user"] | None = None
    """`user`: one delivery at a time per user, and events that arrive while
    one waits become one: the newest. For work that looks at everything anyway."""


class Triggers(msgspec.Struct, frozen=True):
    events: tuple[EventTrigger, ...] = ()


class Models(msgspec.Struct, frozen=True):
    allow: tuple[str, ...] = ()
    """Names of models the skill may ask."""


class Egress(msgspec.Struct, frozen=True):
    allow: tuple[str, ...] = ()
    """Hosts the skill may connect to through `ctx.proxy`, on a cluster its only
    way out; see catnap.skills.hosts for what an entry may be."""


class Secrets(msgspec.Struct, frozen=True):
    names: tuple[str, ...] = ()
    """Secrets that an administrator sets for it, and `ctx.secret` reads."""


class Packages(msgspec.Struct, frozen=True):
    allow: tuple[str, ...] = ()
    """What `ctx.install` may install, with all that it depends on; see
    catnap.skills.requirements for what an entry may be."""


class Access(msgspec.Struct, frozen=True):
    roles: tuple[str, ...] = ("caller",)
    """Roles of which a caller needs one; admin always may."""


class Manifest(msgspec.Struct, frozen=True):
    """One skill.toml."""

    name: str
    """A DNS label: it names the Knative Service."""
    description: str
    """One sentence for an agent that must choose a tool."""
    version: str = "0.1.0"
    entry: str = "main"
    """`module` or `module:function`, from the skill's folder."""
    signature: Literal["catnap", "http", "cloudevent"] = "catnap"
    """What the function is, where it has no decorator that tells."""
    scale: Scale = Scale()
    env: dict[str, str] = {}
    limits: Limits = Limits()
    session: Sessions = Sessions()
    triggers: Triggers = Triggers()
    models: Models = Models()
    egress: Egress = Egress()
    secrets: Secrets = Secrets()
    packages: Packages = Packages()
    access: Access = Access()


_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?\Z")
_CPU = re.compile(r"(?=.*[1-9])(\d+m|\d+(\.\d+)?)\Z", re.ASCII)
_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z", re.ASCII)
_MEMORY = re.compile(r"(?=.*[1-9])\d+(Ki|Mi|Gi|k|M|G)?\Z", re.ASCII)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """The manifest of a skill's folder. Raises InvalidRequest, which names
    the file and the key."""
    path = os.path.join(folder, "skill.toml")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise InvalidRequest(
            f"{folder} is no skill: it has no skill.toml; `catnap new` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: cannot be read: {error}") from None
    return parse_manifest(text, path)


_one_at_a_time = threading.Lock()
"""What msgspec learns of a type when it first meets it, two threads must not
learn at once: the process would end by SIGSEGV."""


def parse_manifest(text: str, where: str = "skill.toml") -> Manifest:
    """As read_manifest, from text."""
    try:
        data = tomllib.loads(text)
        for problem in unknown_keys(data, Manifest):
            raise InvalidRequest(problem)
        with _one_at_a_time:
            manifest = msgspec.convert(data, Manifest, dec_hook=as_duration)
        for problem in broken_rules(manifest):
            raise InvalidRequest(problem)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{where}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{where}: {readable(error)}") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error.message}") from None
    return manifest


def as_duration(kind: type, value: object) -> object:
    """msgspec's hook for the one type that it does not know."""
    if kind is Duration:
        return Duration.parse(value)
    raise NotImplementedError(kind)


def readable(error: msgspec.ValidationError) -> str:
    """`... - at `$.scale.max`` as `scale.max: ...`."""
    text, _, path = str(error).partition(" - at `$.")
    return f"{path.rstrip('`')}: {text}" if path else text


def unknown_keys(data: dict[str, Any], kind: type, place: str = "") -> Iterator[str]:
    """What is wrong with the keys of a table, and of those in it."""
    hints = get_type_hints(kind)
    for key, value in data.items():
        if key not in hints:
            import difflib  # 3 ms of a cold start, for a mistake that a deploy has caught

            close = difflib.get_close_matches(key, hints, 1, 0.5)
            hint = f"did you mean {place + close[0]!r}?" if close else f"known: {', '.join(hints)}"
            yield f"unknown key {place + key!r}: {hint}"
            continue
        inner = hints[key]
        if get_origin(inner) is tuple and isinstance(value, list):
            inner = get_args(inner)[0]
            tables = [(f"{place}{key}[{n}].", each) for n, each in enumerate(value)]
        else:
            tables = [(f"{place}{key}.", value)]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            for inner_place, table in tables:
                if isinstance(table, dict):
                    yield from unknown_keys(table, inner, inner_place)


def broken_rules(manifest: Manifest) -> Iterator[str]:
    """What is wrong in a manifest whose every value has the right type."""
    for kept, key, rule in _rules(manifest):
        if not kept:
            yield f"{key}: must be {rule}"
    for index, host in enumerate(manifest.egress.allow):
        yield from _refused(f"egress.allow[{index}]: ", parse_pattern, host)
    if manifest.packages.allow:
        from catnap.skills.requirements import parse_requirement  # few skills install any

        for index, text in enumerate(manifest.packages.allow):
            yield from _refused(f"packages.allow[{index}]: ", parse_requirement, text)
    for index, trigger in enumerate(manifest.triggers.events):
        for number, each in enumerate(trigger.filters):
            place = f"triggers.events[{index}].filters[{number}]"
            yield from _refused("", filters.check, each, place)


def _rules(manifest: Manifest) -> Iterator[tuple[object, str, str]]:
    """Whether each is kept, the key that it is about, and what it says."""
    scale, limits = manifest.scale, manifest.limits
    yield _LABEL.match(manifest.name), "name", "lower-case letters, digits and '-', as a DNS label"
    yield manifest.description.strip(), "description", "a sentence that says what the skill does"
    yield _ENTRY.match(manifest.entry), "entry", "module or module:function, such as main:search"
    yield scale.min >= 0, "scale.min", "0 or more"
    yield scale.max == 0 or scale.max >= max(1, scale.min), "scale.max", "at least scale.min; or 0"
    yield 0 <= scale.concurrency <= 1000, "scale.concurrency", "0 to 1000"
    yield scale.target is None or 0.01 <= scale.target < inf, "scale.target", "0.01 or more"
    yield 6 <= scale.window <= 3600, "scale.window", "6s to 1h"
    yield scale.queue >= 1, "scale.queue", "1 or more: a first call waits for its instance"
    for index, module in enumerate(scale.preload):
        named = all(part.isidentifier() for part in module.split("."))
        yield named, f"scale.preload[{index}]", "a module's name, such as numpy"
    yield manifest.session.idle >= 1, "session.idle", "1s or more"
    enough = manifest.session.max == 0 or manifest.session.max >= scale.concurrency > 0
    yield enough, "session.max", "0, or scale.concurrency or more"
    homes = manifest.session.affinity or not manifest.session.workspace
    yield homes, "session.workspace", "false without session.affinity"
    yield 1 <= limits.timeout <= 600, "limits.timeout", "1s to 600s"
    yield _CPU.match(limits.cpu), "limits.cpu", "cores such as '0.5' or '500m'"
    yield _MEMORY.match(limits.memory), "limits.memory", "bytes such as '512Mi'"
    yield limits.gpu >= 0, "limits.gpu", "0 or more"
    # They travel in the Grant of every call.
    short = sum(map(len, manifest.egress.allow)) <= 4096
    yield short, "egress.allow", "4,096 characters in all"
    few = sum(map(len, manifest.packages.allow)) <= 4096
    yield few, "packages.allow", "4,096 characters in all"
    alone = not manifest.packages.allow or manifest.session.share == "session"
    yield alone, "packages.allow", "empty unless session.share is 'session'"
    yield len(manifest.secrets.names) <= 32, "secrets.names", "32 at most"
    for index, name in enumerate(manifest.secrets.names):
        place = f"secrets.names[{index}]"
        yield _SECRET.match(name), place, "up to 63 letters, digits, '.', '_' and '-'"
        yield manifest.secrets.names.count(name) == 1, place, "unique within the skill"
    names = [trigger.name for trigger in manifest.triggers.events]
    for index, trigger in enumerate(manifest.triggers.events):
        place = f"triggers.events[{index}]"
        yield _LABEL.match(trigger.name), f"{place}.name", "a DNS label"
        yield names.count(trigger.name) == 1, f"{place}.name", "unique within the skill"
        typed = trigger.types and all(trigger.types)
        yield typed, f"{place}.types", "one event type or more"


def _refused(place: str, check: Callable[..., object], *given: object) -> Iterator[str]:
    try:
        check(*given)
    except InvalidRequest as error:
        yield place + error.message
