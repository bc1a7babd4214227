"""Settings: where they come from, and what is refused."""

from pathlib import Path

import pytest

from catnap.access import Key
from catnap.access.account_roles import AccountRoles
from catnap.access.mtls import ClientName
from catnap.access.oidc import Issuer
from catnap.cli.settings import Settings, gateway_settings, read_settings
from catnap.errors import InvalidRequest

HASH = "sha256:" + "0a" * 32
ISSUER = "[[issuers]]\nissuer = 'https://a.example'\naudience = 'catnap'\ntenant = 'acme'\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "catnap.toml"
    path.write_text(text)
    return path


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings({}, {}, tmp_path) == Settings()


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, 'grpc = "file:1"\nhttp = "file:2"\ntoken = "file"\n')
    settings = read_settings(
        {"grpc": "flag:1", "http": None},
        {"CATNAP_GRPC": "environment:1", "CATNAP_HTTP": "environment:2", "CATNAP_TOKEN": ""},
        tmp_path,
    )
    assert (settings.grpc, settings.http, settings.token) == ("flag:1", "environment:2", "file")


def test_the_file_is_found_upwards_and_its_paths_are_its_own(tmp_path: Path) -> None:
    write(tmp_path, 'functions = "skills"\n')
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    settings = read_settings({}, {}, inside)
    assert settings.functions == tmp_path / "skills"
    assert settings.home == tmp_path / ".catnap"


def test_paths_of_flags_and_environment_are_the_callers(tmp_path: Path) -> None:
    write(tmp_path, 'home = "theirs"\n')
    settings = read_settings({"home": "mine"}, {"CATNAP_FUNCTIONS": "ours"}, tmp_path)
    assert (settings.home, settings.functions) == (Path("mine"), Path("ours"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grcp = ''", "unknown key 'grcp': did you mean 'grpc'?"),
        ("zzz = 1", "unknown key 'zzz': known: home, http"),
        ("http = 8080", "http: must be text, not 8080"),
        ("http = 'localhost'", "'localhost' is no address: write host:port"),
        ("http = 'localhost:99999'", "no address"),
        (f"http = 'localhost:{'9' * 5000}'", "no address"),
        ("http", "cannot be read"),
        ("keys = 1", "must be a list of tables"),
        ("[[keys]]\nhahs = ''", "number 1: unknown key 'hahs': did you mean 'hash'?"),
        ("[[keys]]\nname = 'ci'\nroles = []", "number 1: .*hash"),
        ("[[issuers]]\nisuer = 'x'", "number 1: unknown key 'isuer': did you mean 'issuer'?"),
        ("[[issuers]]\naudience = 'x'", "issuers.*number 1: .*issuer"),
        (ISSUER + "algorithms = ['HS256']", "issuers.*number 1: algorithms: HS256"),
        (ISSUER + "keep = 'long'", "issuers.*number 1: .*long"),
        ("[[accounts]]\naccount = 'x'\nroles = []", "accounts.*number 1: account 'x'"),
        ("[[clients]]\nname = '*'\ntenant = 'a'\nroles = []", "clients.*number 1: name '\\*'"),
        ("[[clients]]\nnmae = 'x'", "number 1: unknown key 'nmae': did you mean 'name'?"),
        ("audit_keep = '1h'", "audit_keep: '1h' is less than a day"),
        ("secrets_key = 'keychain'", "secrets_key: 'keychain' is neither 'file' nor 'keyring'"),
        (
            "models = 'https://a:1'",
            "models: 'https://a:1' is no address: write host:port, or the path",
        ),
        ("[[keys]]\nname = 'ci'\nroles = []\nhash = 'abc'", "number 1: key 'ci': its hash"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidRequest, match=said) as raised:
        read_settings({}, {}, tmp_path)
    assert str(path) in raised.value.message


def test_a_bad_value_names_the_flag_or_the_variable(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"^--grpc: 'here' is no address"):
        read_settings({"grpc": "here"}, {}, tmp_path)
    with pytest.raises(InvalidRequest, match=r"^CATNAP_HTTP: ':1' is no address"):
        read_settings({}, {"CATNAP_HTTP": ":1"}, tmp_path)


def test_an_address_says_that_tls_is_spoken_there_and_its_files_are_the_files_own(
    tmp_path: Path,
) -> None:
    write(tmp_path, "http = 'https://a.example'\nca = 'ca.pem'\ntls_cert = '/etc/cert.pem'\n")
    settings = read_settings({}, {"CATNAP_GRPC": "https://[::1]:9000/"}, tmp_path)
    assert (settings.http, settings.grpc) == ("https://a.example:443", "https://[::1]:9000")
    assert (settings.ca, settings.tls_cert) == (tmp_path / "ca.pem", Path("/etc/cert.pem"))


def test_keys_come_from_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        f'[[keys]]\nname = "ci"\nhash = "{HASH}"\nroles = ["caller"]\n'
        f'[[keys]]\nname = "ada"\nhash = "{HASH}"\nroles = ["viewer"]\ntenant = "acme"\n'
        f'user = "ada"\n',
    )
    ci, ada = read_settings({}, {}, tmp_path).keys
    assert (ci.tenant, ci.user, ci.roles) == ("default", None, ("caller",))
    assert (ada.tenant, ada.user, ada.roles) == ("acme", "ada", ("viewer",))


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "hush" not in repr(Settings(token="hush", admin_key="hush", store="hush"))


def test_a_store_that_is_no_postgres_is_refused_without_showing_its_password(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidRequest, match=r"^CATNAP_STORE: .* postgresql://") as told:
        read_settings({}, {"CATNAP_STORE": "mysql://ann:hush@db/catnap"}, tmp_path)
    assert "hush" not in told.value.message


def test_a_gateway_on_a_cluster_is_told_by_its_environment(tmp_path: Path) -> None:
    environment = {
        "CATNAP_PLATFORM": "knative",
        "CATNAP_INSTALL": "shop",
        "CATNAP_MODELS": "catnap-models:8001",
        "CATNAP_EGRESS": "0.0.0.0:3128",
    }
    settings = read_settings({}, environment, tmp_path)
    assert (settings.platform, settings.install) == ("knative", "shop")
    assert (settings.models, settings.egress) == ("catnap-models:8001", "0.0.0.0:3128")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CATNAP_PLATFORM", "k8s", "neither 'local' nor 'knative'"),
        ("CATNAP_INSTALL", "kube-system", "kube-"),
        ("CATNAP_MODELS", "catnap-models", "host:port, or the path of a models.toml"),
        ("CATNAP_ADVERTISE", "10.1.2.3:8081", "no port"),
        ("CATNAP_ADVERTISE", "http://gateway", "no host"),
    ],
)
def test_what_a_cluster_cannot_have_is_refused(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        read_settings({}, {name: value}, tmp_path)


def test_the_models_are_those_of_a_file_or_of_a_server(tmp_path: Path) -> None:
    (tmp_path / "models.toml").touch()
    beside = tmp_path / "models.toml"
    below = tmp_path / "below"
    below.mkdir()
    for environment, models, file in (
        ({}, "", beside),
        ({"CATNAP_MODELS": "gpu:8001"}, "gpu:8001", beside),
        ({"CATNAP_MODELS": "/etc/models.toml"}, "", Path("/etc/models.toml")),
        ({"CATNAP_MODELS": "etc/models"}, "", Path("etc/models")),
    ):
        settings = read_settings({}, environment, tmp_path)
        assert (settings.models, settings.models_file) == (models, file)
    assert read_settings({}, {}, below).models_file is None
    (tmp_path / "catnap.toml").write_text('models = "more/models.toml"')
    assert read_settings({}, {}, below).models_file == tmp_path / "more/models.toml"
    (tmp_path / "catnap.toml").write_text("")
    assert read_settings({}, {}, below).models_file == beside


def test_a_gateway_on_a_cluster_reads_what_it_was_told(tmp_path: Path) -> None:
    told = Settings(
        files="s3://bucket?endpoint=http://127.0.0.1:7070",
        retry=0.2,
        egress_networks="10.1.0.0/16",
        index="https://packages.example/simple/",
        issuers=(
            Issuer(
                issuer="https://a.example",
                audience="catnap",
                tenant_claim=("org", "id"),
                keep=60.5,
                role_claim="groups",
                role_map={"team a": ("caller",), 'b "c"': ("viewer", "finance")},
            ),
        ),
        accounts=(AccountRoles(account="agents/*", roles=("caller",), tenant="acme"),),
        clients=(
            ClientName(name="spiffe://a.example/*", tenant="acme", roles=("caller",), user="ada"),
            ClientName(name="*.a.example", tenant="acme", roles=()),
        ),
        audit_keep=400 * 86_400.0,
        keys=(
            Key(name='a "quoted" one', hash=HASH, tenant="acme", user=None, roles=("caller",)),
            Key(name="ada", hash=HASH, tenant="default", user="ada", roles=("admin", "caller")),
        ),
    )
    write(tmp_path, gateway_settings(told))
    found = read_settings({}, {"CATNAP_HOME": ".catnap", "CATNAP_FUNCTIONS": "functions"}, tmp_path)
    assert found == told


def test_a_gateway_is_told_nothing_of_this_machine(tmp_path: Path) -> None:
    secrets = {
        "token": "secret",
        "admin_key": "secret",
        "store": "postgresql://ann:secret@db",
        "index": "https://ann:secret@packages.example/simple/",
    }
    mine = Settings(home=tmp_path, http="127.0.0.1:1", **secrets)
    assert gateway_settings(mine) == ""


def test_issuers_come_from_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        ISSUER + "keep = '2h'\nalgorithms = ['ES256']\nrole_claim = ['realm', 'roles']\n"
        "[issuers.role_map]\n'team a' = ['caller:a-*']\n",
    )
    [found] = read_settings({}, {}, tmp_path).issuers
    assert (found.keep, found.algorithms) == (7200.0, ("ES256",))
    assert (found.role_claim, found.role_map) == (("realm", "roles"), {"team a": ("caller:a-*",)})


def test_spans_go_to_a_file_beside_the_settings_or_where_the_shell_says(tmp_path: Path) -> None:
    write(tmp_path, 'traces = "traces.jsonl"')
    assert read_settings({}, {}, tmp_path).traces == tmp_path / "traces.jsonl"
    assert read_settings({}, {"CATNAP_TRACES": "here"}, tmp_path).traces == Path("here")
    assert Settings().traces is None
