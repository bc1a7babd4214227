"""grpcurl, which knows nothing of us but what reflection tells it."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.goserver import find
from tests.platform.running import Running

pytestmark = pytest.mark.servers

OIP = "inference.GRPCInferenceService"


@pytest.fixture(scope="session")
def grpcurl() -> str:
    found = find("grpcurl")
    if not found:
        pytest.skip("there is no grpcurl: make test-servers")
    return found


@pytest.fixture
def run(grpcurl: str, before_triton: Running) -> Any:
    """What it prints; data: what is sent, as JSON. It fails where the call does."""

    def run(
        *words: str, data: Any = None, key: str = before_triton.key, fails: bool = False
    ) -> str:
        command = [grpcurl, "-plaintext", "-H", f"authorization: Bearer {key}"]
        command += ["-d", json.dumps(data)] if data is not None else []
        command += [before_triton.grpc, *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_it_lists_the_services_and_their_methods(run: Any) -> None:
    services = run("list").split()
    for each in (OIP, "catnap.v1.Models", "catnap.v1.Skills", "grpc.health.v1.Health"):
        assert each in services
    methods = run("list", OIP).split()
    names = ("ModelInfer", "ModelStreamInfer", "ModelConfig", "ModelStatistics", "ServerLive")
    for name in (*names, "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"):
        assert f"{OIP}.{name}" in methods


def test_it_describes_a_method_and_its_messages(run: Any) -> None:
    said = run("describe", f"{OIP}.ModelInfer")
    assert ".inference.ModelInferRequest" in said
    said = run("describe", "inference.ModelInferRequest")
    assert "repeated bytes raw_input_contents = 7;" in said


def test_it_lists_the_models(run: Any) -> None:
    found = json.loads(run("catnap.v1.Models/List"))["models"]
    models = {each["name"]: each for each in found}
    assert models["add"]["ready"]
    assert models["minilm-l6-v2"]["abilities"] == ["embed", "infer"]
    assert models["minilm-l6-v2"]["dimensions"] == 384


def test_it_infers_with_typed_contents(run: Any) -> None:
    def tensor(name: str, *values: float) -> dict[str, Any]:
        contents = {"fp32_contents": values}
        return {"name": name, "datatype": "FP32", "shape": [len(values)], "contents": contents}

    asked = {"model_name": "add", "id": "seven", "inputs": [tensor("A", 1, 2), tensor("B", 3, 4)]}
    found = json.loads(run(f"{OIP}/ModelInfer", data=asked))
    assert (found["model_name"], found["id"]) == ("add", "seven")
    (raw,) = found["raw_output_contents"]
    assert base64.b64decode(raw) == b"\0\0\x80@\0\0\xc0@"  # 4 and 6


def test_it_embeds_texts(run: Any) -> None:
    found = json.loads(run("catnap.v1.Models/Embed", data={"texts": ["a cat", "a dog"]}))
    assert len(base64.b64decode(found["vectors"])) == 2 * 384 * 4


def test_text_comes_in_parts_from_a_server_of_tensors(run: Any) -> None:
    asked = {"model": "writer", "prompt": "one two three four", "max_tokens": 3}
    said = run("catnap.v1.Models/Generate", data=asked)
    chunks = [json.loads(each) for each in said.replace("}\n{", "}\0{").split("\0")]
    assert [each["text"] for each in chunks if "text" in each] == ["one ", "two ", "three "]
    assert chunks[-1]["finish_reason"]


def test_an_error_has_its_code_its_words_and_its_details(run: Any) -> None:
    said = run(f"{OIP}/ModelInfer", data={"model_name": "absent"}, fails=True)
    assert "Code: NotFound" in said
    assert "absent" in said
    said = run("catnap.v1.Models/List", key="not-a-key", fails=True)
    assert "Code: Unauthenticated" in said
