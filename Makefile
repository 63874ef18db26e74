# The verbs of the project; `make demo` and `make test` are all a newcomer needs.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := --no-deps --require-hashes

.PHONY: setup demo up check test test-slow terraform bench docs format lock clean

setup: .venv/.installed .venv-awscli/.installed .cache/.protocol-tests  ## install everything, from locks

.venv/.installed: requirements/outcrop.lock requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Outcrop needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	@echo "Installing Outcrop into .venv (the first time takes a few minutes)"
	$(PYTHON) -m venv .venv
	$(PIP) install torch==2.13.0
	$(PIP) install $(LOCK) --only-binary :all: -r requirements/outcrop.lock
	$(PIP) install $(LOCK) --no-build-isolation -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The AWS CLI pins its own botocore, so it lives apart.
.venv-awscli/.installed: requirements/awscli.lock
	$(PYTHON) -m venv .venv-awscli
	.venv-awscli/bin/python -m pip --disable-pip-version-check --quiet install $(LOCK) -r $<
	@touch $@

# moto's server, the peer that the benchmarks run beside ours.
.venv-bench/.installed: requirements/bench.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install $(LOCK) -r $<
	@touch $@

.cache/.protocol-tests: tools/fetch_protocol_tests.py .venv/.installed
	$(BIN)/python tools/fetch_protocol_tests.py
	@touch $@

demo: setup  ## the main job: train, deploy, compare, on embedded data
	$(BIN)/outcrop demo

up: setup  ## start the server on ~/.outcrop
	$(BIN)/outcrop up

check: setup  ## formatting, lint, types, layers, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests tools bench docs README.md CONTRIBUTING.md CHANGELOG.md
	$(BIN)/pytest -q tests/architecture

test: setup  ## everything a change must pass, under 15 minutes on 2 cores
	$(BIN)/pytest

test-slow: setup  ## the heavier suites: kills, large data, real data
	$(BIN)/pytest -m slow

terraform: setup  ## the examples' lives under the real terraform: apply, plan, change, import, destroy
	$(BIN)/python tools/run_terraform.py

bench: setup .venv-bench/.installed  ## ours and the peers side by side, one script per claim
	for script in bench/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

docs: setup  ## regenerate what docs/reference holds of the code
	$(BIN)/python tools/operations_table.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --unsafe-package torch
lock: setup  ## resolve the locks anew
	$(COMPILE) --output-file requirements/outcrop.lock pyproject.toml
	$(COMPILE) --output-file requirements/dev.lock requirements/dev.in
	$(COMPILE) --output-file requirements/awscli.lock requirements/awscli.in
	$(COMPILE) --output-file requirements/bench.lock requirements/bench.in
	$(BIN)/python tools/strip_torch.py requirements/*.lock

clean:
	rm -rf .venv .venv-awscli .venv-bench .cache build dist src/*.egg-info
