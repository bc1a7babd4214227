"""Which function a folder stands for, by skill.toml and by the environment."""

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.host.entry import entry_of, manifest_of
from catnap.host.loader import load

CODE = """
import functions_framework
from catnap import Context, skill

def plain(request):
    return "plain"

@functions_framework.cloud_event
def event(event): ...

@skill
def ours(ctx: Context) -> str:
    return "ours"
"""
SKILL = 'name = "tested"\ndescription = "A skill under test."\n'

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("fresh"),
]


def write(folder: Path, manifest: str | None = None, **files: str) -> Path:
    if manifest is not None:
        (folder / "skill.toml").write_text(SKILL + manifest)
    (folder / "main.py").write_text(CODE)
    (folder / "lib").mkdir()
    (folder / "lib" / "other.py").write_text("def elsewhere(request): ...")
    return folder


@pytest.mark.parametrize(
    ("manifest", "env", "expected"),
    [
        (None, {"FUNCTION_TARGET": "plain"}, ("main.py", "plain", "http")),
        (
            None,
            {"FUNCTION_TARGET": "plain", "FUNCTION_SIGNATURE_TYPE": "cloudevent"},
            ("main.py", "plain", "cloudevent"),
        ),
        (
            None,
            {"FUNCTION_TARGET": "elsewhere", "FUNCTION_SOURCE": "lib/other.py"},
            ("other.py", "elsewhere", "http"),
        ),
        ("", {}, ("main.py", "", "")),
        ("", {"FUNCTION_TARGET": "plain"}, ("main.py", "plain", "http")),
        ("", {"FUNCTION_SIGNATURE_TYPE": "http"}, ("main.py", "", "http")),
        (
            'entry = "main:event"\nsignature = "cloudevent"',
            {"FUNCTION_TARGET": "plain", "FUNCTION_SIGNATURE_TYPE": "http"},
            ("main.py", "event", "cloudevent"),
        ),
        ("", {"FUNCTION_TARGET": "plain", "FUNCTION_SOURCE": "x.py"}, ("main.py", "plain", "http")),
    ],
)
def test_skill_toml_counts_before_the_environment(tmp_path, manifest, env, expected):
    folder = write(tmp_path, manifest)
    entry = entry_of(folder, manifest_of(folder, env), env)
    assert (Path(entry.file).name, entry.function, entry.signature) == expected


@pytest.mark.parametrize(
    ("target", "signature", "kind"),
    [
        ("plain", "http", "http"),
        ("plain", "cloudevent", "cloudevent"),
        ("event", "http", "cloudevent"),
        ("ours", "http", "catnap"),
    ],
)
@pytest.mark.parametrize("manifest", [None, ""])
def test_a_decorator_counts_before_both(tmp_path, monkeypatch, manifest, target, signature, kind):
    monkeypatch.setenv("FUNCTION_TARGET", target)
    monkeypatch.setenv("FUNCTION_SIGNATURE_TYPE", signature)
    assert load(str(write(tmp_path, manifest))).function.kind == kind


def test_a_source_elsewhere_imports_from_its_own_folder(tmp_path, monkeypatch):
    folder = write(tmp_path)
    (folder / "lib" / "beside.py").write_text("answer = 42")
    (folder / "lib" / "other.py").write_text(
        "from beside import answer\ndef elsewhere(request): return str(answer)"
    )
    monkeypatch.setenv("FUNCTION_TARGET", "elsewhere")
    monkeypatch.setenv("FUNCTION_SOURCE", "lib/other.py")
    loaded = load(str(folder))
    assert (loaded.manifest.name, loaded.function.kind) == ("elsewhere", "http")
    assert Path.cwd() == folder


def test_a_function_without_skill_toml_is_called_as_knative_calls_it(tmp_path):
    folder = write(tmp_path)
    assert manifest_of(folder, {"FUNCTION_TARGET": "plain"}).name == "plain"
    named = manifest_of(folder, {"FUNCTION_TARGET": "plain", "K_SERVICE": "web"})
    assert named.name == "web"


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "has no skill.toml"),
        ({"FUNCTION_TARGET": "absent"}, "main.py has no function 'absent', which FUNCTION_TARGET"),
        ({"FUNCTION_TARGET": "CODE"}, "main.py has no function 'CODE', which FUNCTION_TARGET"),
        (
            {"FUNCTION_TARGET": "f", "FUNCTION_SOURCE": "no.py"},
            "FUNCTION_SOURCE: there is no no.py",
        ),
        (
            {"FUNCTION_TARGET": "plain", "FUNCTION_SIGNATURE_TYPE": "event"},
            "background functions are not taken: mark the function with",
        ),
        (
            {"FUNCTION_TARGET": "plain", "FUNCTION_SIGNATURE_TYPE": "typed"},
            "'plain' is not marked",
        ),
        (
            {"FUNCTION_TARGET": "plain", "FUNCTION_SIGNATURE_TYPE": "grpc"},
            "FUNCTION_SIGNATURE_TYPE=grpc: must be http, cloudevent or typed",
        ),
    ],
)
def test_what_cannot_be_served_says_why(tmp_path, monkeypatch, env, reason):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidRequest) as caught:
        load(str(write(tmp_path)))
    assert reason in caught.value.message
