# Every target sets up what it needs by itself; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
OUT := runtime
PROTOS := $(wildcard proto/catnap/v1/*.proto)
LOCKS := runtime/catnap/services/containers/locks
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-emit-package catnap-functions --custom-compile-command 'make lock'
# What an image holds, in the versions of requirements.lock: without what only
# makes environments, images or the model.
COMPILE_IMAGE := $(COMPILE) --constraints requirements.lock
# Clients and servers of models that others wrote, each in an environment of its
# own; and what Debian's package manager does for root.
CLIENTS := triton kserve openai llama
APT = $$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy "$$@"' apt
export PYTHONPATH := $(CURDIR)/runtime

.PHONY: help setup run test test-servers test-clients versitygw grpcurl need-go test-images test-hostile test-killed test-revisions test-tenants test-cluster check format proto lock bench bench-host bench-cluster deploy clean clean-state

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## create .venv with the locked dependencies and build the model

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'catnap needs Python 3.11 or newer; set PYTHON=' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo 'Python lacks venv: on Debian, apt-get install python3-venv' >&2; exit 1; }
	@echo 'installing the locked dependencies into .venv'
	@awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m catnap.models.serving.build "$${CATNAP_HOME:-.catnap}"
	@touch $@

run: setup ## start the whole platform on localhost
	@$(BIN)/catnap serve

test: setup ## run the tests; no root, docker or cluster
	@$(BIN)/python -m pytest -m "not images and not servers" $(ARGS)

test-images: setup ## build real images and look into them; needs buildah, podman or docker
	@$(BIN)/python -m pytest -m images $(ARGS) tests/services/containers

test-servers: setup ## install what some tests want: Postgres (by apt), versitygw and grpcurl (need Go), checkov, and more into .tools
	@UV_TOOL_DIR=.tools UV_TOOL_BIN_DIR=.tools/bin $(BIN)/uv tool install --quiet checkov==3.3.30
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .tools/cloudevents2 && $(BIN)/uv pip install --quiet --python .tools/cloudevents2 cloudevents==2.2.0
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || $(APT) postgresql
	@$(MAKE) --no-print-directory --keep-going versitygw grpcurl $(CLIENTS:%=.tools/%/ready)

versitygw grpcurl: need-go
	@go install $(module)
versitygw: module := github.com/versity/versitygw/cmd/versitygw@v1.8.0
grpcurl: module := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4

need-go:
	@command -v go >/dev/null || { echo 'needs Go: on Debian, apt-get install golang' >&2; exit 1; }

# Anew where the versions change. llama.cpp is compiled, with the least there is of
# it, and only once: an index that is asked again gives uv another copy to compile.
.tools/%/ready: tests/clients/environments/%.txt
	@echo 'installing $* for the tests into .tools/$*'
	@$(needs)
	@$(BIN)/uv venv --quiet --clear --python $(python) .tools/$*
	@export CMAKE_ARGS='-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF'; \
	install='$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python .tools/$* --requirement $<'; \
	$$install --offline 2>/dev/null || $$install
	@touch $@
.tools/%/ready: python := $(BIN)/python
# Its models run in the Python of the shared library that it finds: the system's.
.tools/triton/ready: python := /usr/bin/python3.11
.tools/triton/ready: needs = ls /usr/lib/*/libpython3.11.so.1.0 >/dev/null 2>&1 || $(APT) python3.11 libpython3.11
.tools/llama/ready: needs = command -v c++ >/dev/null || $(APT) g++

test-clients: setup ## others' clients, and others' model servers behind the gateway; make test-servers first
	@$(BIN)/python -m pytest -m servers $(ARGS) tests/clients

test-hostile: setup ## 100,000 generated requests to a host, as many malformed tensors to models, 200 rounds of their faults; HOSTILE_SEED= for others
	@HOSTILE_REQUESTS=100000 $(BIN)/python -m pytest $(ARGS) tests/host/test_generated.py
	@MALFORMED_REQUESTS=100000 FAULT_ROUNDS=200 $(BIN)/python -m pytest -s $(ARGS) tests/gateway/test_models_malformed.py tests/gateway/test_models_faults.py $(wildcard tests/models/test_faults*.py)

test-killed: setup ## kill the gateway 20 times under load, and who keeps a folder 200 times; KILLS= for more
	@KILLS=$${KILLS:-20} $(BIN)/python -m pytest -s $(ARGS) tests/platform/test_killed.py
	@KILLS=$${KILLS:-200} $(BIN)/python -m pytest $(ARGS) tests/workspaces/test_killed.py tests/workspaces/test_pods_killed.py

test-revisions: setup ## 100 revisions of a skill under load; REVISIONS= for more
	@REVISIONS=$${REVISIONS:-100} $(BIN)/python -m pytest $(ARGS) tests/platform/test_sessions.py

test-tenants: setup ## two tenants at once, 10,000 drawn operations on each store of files; OPERATIONS= for more
	@TENANT_OPERATIONS=$${OPERATIONS:-10000} $(BIN)/python -m pytest $(ARGS) tests/gateway/test_tenants.py

test-cluster: setup ## run the tests on the cluster of KUBECONFIG=, in namespaces of their own
	@command -v kubectl >/dev/null || { echo 'needs kubectl on the PATH' >&2; exit 1; }
	@$(BIN)/python -m pytest --platform=knative $(ARGS) tests/cluster tests/platform tests/test_readme.py

check: setup ## format, lint, types, layers, generated code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; $(MAKE) --no-print-directory proto OUT="$$fresh"; \
	for part in v1 inference; do diff -r --exclude=__pycache__ --exclude=__init__.py "$$fresh/catnap/$$part" runtime/catnap/$$part \
	  || { echo 'the generated code is stale: run make proto' >&2; exit 1; }; done

format: setup ## format and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

proto: setup ## generate the code of proto/
	@protoc() { PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc \
	  --python_out=$(OUT) --grpc_python_out=$(OUT) --pyi_out=$(OUT) --mypy_grpc_out=quiet:$(OUT) "$$@"; }; \
	protoc -Iproto $(PROTOS); \
	protoc -Icatnap/inference=proto/inference proto/inference/grpc_service.proto

lock: ## lock the dependencies anew
	@$(COMPILE) --all-extras --group dev --group weights --upgrade --output-file requirements.lock pyproject.toml
	@$(COMPILE_IMAGE) --extra uvloop --output-file $(LOCKS)/host.txt pyproject.toml
	@$(COMPILE_IMAGE) --extra uvloop --extra workspaces --output-file $(LOCKS)/workspaces.txt pyproject.toml
	@for client in $(CLIENTS); do \
	  $(COMPILE) --upgrade --output-file tests/clients/environments/$$client.txt tests/clients/environments/$$client.in; done
	@echo kubernetes | $(COMPILE_IMAGE) --extra gateway --extra oidc --extra postgres --no-emit-package uv --output-file $(LOCKS)/gateway.txt pyproject.toml -
	@$(COMPILE_IMAGE) --extra models $(addprefix --no-emit-package ,onnx ml-dtypes safetensors) \
	  --output-file $(LOCKS)/models.txt pyproject.toml

bench: setup ## measure, each figure beside a peer or a limit
	@$(BIN)/python -m bench

bench-host: setup ## measure the function host beside its peers; needs wrk; ARGS for the benchmark
	@$(BIN)/python -m bench host $(ARGS)

bench-cluster: setup ## measure on the cluster of KUBECONFIG=
	@$(BIN)/python -m bench cluster

deploy: setup ## deploy all to the cluster of KUBECONFIG; ARGS for `catnap deploy`
	@$(BIN)/catnap deploy $(ARGS)

clean: ## remove .venv and every cache; the state in .catnap stays
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./.catnap -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

clean-state: ## remove .catnap: users' files, the journal, the key, the models
	@echo "removing .catnap: users' files, the journal, the key, the models"
	@rm -rf .catnap .venv/ready
