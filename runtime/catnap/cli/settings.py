"""What the command line is told: by flag, environment or catnap.toml, in
that order."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from catnap.access import Key
from catnap.access.account_roles import AccountRoles
from catnap.access.limits import Limit, distinct
from catnap.access.mtls import ClientName
from catnap.access.oidc import Issuer
from catnap.access.principal import DEFAULT_TENANT
from catnap.errors import InvalidRequest
from catnap.errors.nearest import nearest
from catnap.http import Target
from catnap.services.cluster.names import DEFAULT_INSTALL, check_install
from catnap.skills.duration import Duration
from catnap.store import is_uri

T = TypeVar("T")
FILE = "catnap.toml"
MODELS_FILE = "models.toml"
"""Beside it, or where there is none, in the folder that a command runs in."""
NAMES = (
    *("home", "http", "grpc", "functions", "files", "files_bounds", "retry", "token", "admin_key"),
    *("store", "platform", "install", "models", "callback", "egress", "egress_networks", "audit"),
    *("audit_keep", "secrets_key", "tls_cert", "tls_key", "tls_client_ca", "plain"),
    *("ca", "client_cert", "client_key"),
    *("advertise", "index", "traces"),
)
_CHOICES = {
    "platform": ("local", "knative"),
    "audit": ("actions", "calls"),
    "secrets_key": ("file", "keyring"),
}
_PATHS = (
    *("home", "functions", "tls_cert", "tls_key", "tls_client_ca"),
    *("ca", "client_cert", "client_key", "traces"),
)
_MAY_BE_TLS = ("http", "grpc")
_DAY = 86_400
_HOST = re.compile(r"[0-9A-Za-z.-]+\Z|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\Z")
"""A name or an IPv4 address, or an IPv6 address."""
_TABLES = ("keys", "issuers", "accounts", "clients", "limits")


@dataclass(frozen=True)
class Settings:
    """home: the state folder. http, grpc: the gateway's addresses, host:port.
    functions: the folder of skills. files: where users' files are, empty for
    the state folder or s3://bucket?endpoint=URL. files_bounds: how much a user, a
    session or a task has there, and for how long. retry: seconds until a failed
    delivery is made again. token: a client's credential; empty where none was
    given. store: the postgresql:// URI of what must last; empty for a file in the
    state folder. admin_key: the platform's own key; empty for a generated one. keys:
    further keys that `serve` accepts, as it does the tokens of issuers and of
    service accounts. limits: what tenants, users and skills may use. platform:
    what skills run on. install:
    the name of an installation on a cluster. models: where a model server of ours
    answers, empty for one of `serve`'s own. models_file: which models there are;
    None for what that server has by itself. callback: the address that skills
    alone call back at, empty for http. advertise: how others reach this gateway, that
    share its store. egress: the address of the proxy that
    skills leave by. egress_networks: private networks that it may reach. index:
    of packages, that sessions install from; empty for none. traces: the file that
    spans of calls are written to, None for none. audit:
    what is recorded of what is asked. audit_keep: seconds for which, 0 for ever.
    secrets_key: where the key is that secrets are encrypted with. tls_cert,
    tls_key: what http and grpc are answered with; tls_client_ca: by whom the
    certificates of clients have to be signed. plain: the address without TLS all
    the same. clients: who is known by a certificate. ca: whom a client trusts at
    an https:// address; client_cert, client_key: what it shows there."""

    home: Path = Path(".catnap")
    http: str = "127.0.0.1:8080"
    grpc: str = "127.0.0.1:9000"
    functions: Path = Path("functions")
    files: str = ""
    files_bounds: str = ""
    retry: float = 1.0
    token: str = field(default="", repr=False)
    store: str = field(default="", repr=False)
    admin_key: str = field(default="", repr=False)
    keys: tuple[Key, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    accounts: tuple[AccountRoles, ...] = ()
    limits: tuple[Limit, ...] = ()
    platform: Literal["local", "knative"] = "local"
    install: str = DEFAULT_INSTALL
    models: str = ""
    models_file: Path | None = None
    callback: str = ""
    advertise: str = ""
    egress: str = "127.0.0.1:0"
    egress_networks: str = ""
    index: str = field(default="", repr=False)
    traces: Path | None = None
    audit: Literal["actions", "calls"] = "actions"
    audit_keep: float = 0.0
    secrets_key: Literal["file", "keyring"] = "file"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    plain: str = ""
    clients: tuple[ClientName, ...] = ()
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None


Report = Callable[[InvalidRequest], None]
"""Takes what is wrong with the settings, one by one."""


def _raise(error: InvalidRequest) -> None:
    raise error


def read_settings(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    folder: Path,
    report: Report = _raise,
) -> Settings:
    """Settings for a command that runs in `folder`.

    Paths in catnap.toml, and the default paths where there is one, are
    relative to its folder. Raises InvalidRequest, which names the place; or
    reports each that is wrong and leaves it at its default.
    """
    path = find_file(folder)
    table = _read(path, report) if path else {}
    root = path.parent if path else Path()
    models = (path.parent if path else folder) / MODELS_FILE
    values: dict[str, Any] = {"models_file": models} if models.is_file() else {}
    for name in NAMES:
        variable = f"CATNAP_{name.upper()}"
        if flags.get(name):
            value, where, base = flags[name], f"--{name.replace('_', '-')}", Path()
        elif environment.get(variable):
            value, where, base = environment[variable], variable, Path()
        elif name in table:
            value, where, base = table[name], f"{path}: {name}", root
        elif name in ("home", "functions"):
            value, where, base = str(getattr(Settings, name)), "", root
        else:
            continue
        try:
            found = _value(name, value, where, base)
        except InvalidRequest as error:
            report(error)
            continue
        is_file = name == "models" and isinstance(found, Path)
        values["models_file" if is_file else name] = found
    keys = _parsed("keys", table, path, _key, Key.__struct_fields__, report)
    issuer = functools.partial(_issuer, root)
    issuers = _parsed("issuers", table, path, issuer, Issuer.__struct_fields__, report)
    accounts = _parsed("accounts", table, path, _accounts, AccountRoles.__struct_fields__, report)
    clients = _parsed("clients", table, path, _client, ClientName.__struct_fields__, report)
    limits = _parsed("limits", table, path, _limit, Limit.__struct_fields__, report)
    try:
        distinct(limits)
    except InvalidRequest as error:
        report(InvalidRequest(f"{path}: [[limits]]: {error.message}"))
    return Settings(
        **values, keys=keys, issuers=issuers, accounts=accounts, clients=clients, limits=limits
    )


def gateway_settings(settings: Settings) -> str:
    """The catnap.toml of a gateway on a cluster: what of the settings is about
    the platform, and neither about this machine nor a secret."""
    lines = []
    if settings.files:
        lines.append(f"files = {_quoted(settings.files)}")
    if settings.files_bounds:
        lines.append(f"files_bounds = {_quoted(settings.files_bounds)}")
    if settings.retry != Settings.retry:
        lines.append(f'retry = "{settings.retry * 1000:.0f}ms"')
    if settings.egress_networks:
        lines.append(f"egress_networks = {_quoted(settings.egress_networks)}")
    if settings.index and "@" not in settings.index:
        lines.append(f"index = {_quoted(settings.index)}")
    if settings.audit != Settings.audit:
        lines.append(f"audit = {_quoted(settings.audit)}")
    if settings.audit_keep:
        lines.append(f'audit_keep = "{settings.audit_keep:.0f}s"')
    for name in _TABLES:
        for number, each in enumerate(getattr(settings, name)):
            values = msgspec.structs.asdict(each)
            if values.get("ca"):
                values["ca"] = authority_name(number)
            lines += _table(name, values)
    return "".join(f"{line}\n" for line in lines)


def authority_name(number: int) -> str:
    """The file beside that catnap.toml with whom to trust for an issuer.
    number: of the issuer, from 0."""
    return f"issuer-{number + 1}.pem"


def _table(name: str, values: Mapping[str, object]) -> list[str]:
    within = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"[[{name}]]"]
    for key, value in values.items():
        if value is not None and key not in within:
            lines.append(f"{key} = {_quoted(value)}")
    for key, members in within.items():
        lines.append(f"[{name}.{key}]")
        lines += [f"{_quoted(member)} = {_quoted(value)}" for member, value in members.items()]
    return lines


def _quoted(value: object) -> str:
    """JSON, which TOML reads strings and their lists as."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def find_file(folder: Path) -> Path | None:
    """The catnap.toml that counts in a folder: its own, or the nearest above."""
    for each in (folder, *folder.parents):
        if (each / FILE).is_file():
            return each / FILE
    return None


def _read(path: Path, report: Report) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        report(InvalidRequest(f"{path}: cannot be read: {error}"))
        return {}
    _known(table, (*NAMES, *_TABLES), str(path), report)
    return table


def _known(table: Mapping[str, Any], names: tuple[str, ...], where: str, report: Report) -> None:
    for key in table:
        if key not in names:
            report(InvalidRequest(f"{where}: unknown key {key!r}: {nearest(key, names)}"))


def _value(name: str, value: object, where: str, base: Path) -> str | Path | Duration:
    if not isinstance(value, str):
        shown = type(value).__name__ if name in ("token", "admin_key", "store") else repr(value)
        raise InvalidRequest(f"{where}: must be text, not {shown}")
    if name in _PATHS or (name == "models" and _is_file(value)):
        return base / value
    if name in ("retry", "audit_keep"):
        try:
            seconds = Duration.parse(value)
        except ValueError as error:
            raise InvalidRequest(f"{where}: {error}") from None
        if name == "audit_keep" and 0 < seconds < _DAY:
            raise InvalidRequest(f"{where}: {value!r} is less than a day, 1d")
        return seconds
    if name == "store" and not is_uri(value):
        raise InvalidRequest(f"{where}: it is no URI that begins with postgresql://")
    if name == "install":
        return check_install(value)
    if name in _CHOICES and value not in _CHOICES[name]:
        one, other = _CHOICES[name]
        raise InvalidRequest(f"{where}: {value!r} is neither {one!r} nor {other!r}")
    if name == "advertise" and not _HOST.match(value):
        raise InvalidRequest(f"{where}: {value!r} is no host: write its name or address, no port")
    if name in ("http", "grpc", "models", "callback", "egress", "plain"):
        return _address(name, value, where)
    return value


def _is_file(models: str) -> bool:
    return models.endswith(".toml") or ("/" in models and "://" not in models)


def _address(name: str, value: str, where: str) -> str:
    try:
        found = Target.parse(value)
    except InvalidRequest:
        found = Target()
    if not found.host or (found.tls and name not in _MAY_BE_TLS):
        ways = "host:port or https://host:port" if name in _MAY_BE_TLS else "host:port"
        if name == "models":
            ways = f"host:port, or the path of a {MODELS_FILE}"
        raise InvalidRequest(f"{where}: {value!r} is no address: write {ways}")
    return str(found)


def _parsed(
    name: str,
    table: Mapping[str, Any],
    path: Path | None,
    parse: Callable[[dict[str, Any]], T],
    known: tuple[str, ...],
    report: Report,
) -> tuple[T, ...]:
    """What stands in catnap.toml as a list of tables of one name."""
    where, tables = f"{path}: [[{name}]]", table.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        report(InvalidRequest(f"{where}: must be a list of tables"))
        return ()
    found = []
    for number, each in enumerate(tables):
        place = f"{where}, number {number + 1}"
        _known(each, known, place, report)
        try:
            found.append(parse(each))
        except (msgspec.ValidationError, ValueError) as error:
            report(InvalidRequest(f"{place}: {error}"))
        except InvalidRequest as error:
            report(InvalidRequest(f"{place}: {error.message}"))
    return tuple(found)


def _key(table: dict[str, Any]) -> Key:
    return msgspec.convert({"tenant": DEFAULT_TENANT, "user": None, **table}, Key)


def _accounts(table: dict[str, Any]) -> AccountRoles:
    return msgspec.convert(table, AccountRoles)


def _client(table: dict[str, Any]) -> ClientName:
    return msgspec.convert(table, ClientName)


def _issuer(root: Path, table: dict[str, Any]) -> Issuer:
    if "keep" in table:
        table = {**table, "keep": float(Duration.parse(table["keep"]))}
    found = msgspec.convert(table, Issuer)
    return msgspec.structs.replace(found, ca=str(root / found.ca)) if found.ca else found


def _limit(table: dict[str, Any]) -> Limit:
    return msgspec.convert(table, Limit)
