# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in .venv, from requirements.lock.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo

BENCH_VENV := .venv-bench
PIP_FROM_LOCK := -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: --no-binary=phpserialize
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

# The first Python that runs and is 3.11 to 3.13 (a name on PATH may be a shim of a version that is not there).
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)

.PHONY: help
help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: install
install: $(VENV)/.installed  ## set up .venv from the lock file

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found: install one, or name it with make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tools/system-packages python3-venv
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python $(PIP_FROM_LOCK) -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: install  ## run the nightly sync once on an invented shop, and say what it found and wrote
	@$(BIN)/cwa-pipeline demo --folder $(DEMO)

.PHONY: demo-ui
demo-ui: install  ## the same, and leave the Dagster UI on 127.0.0.1:3000 with that run in it
	@$(BIN)/cwa-pipeline demo --folder $(DEMO) --ui

.PHONY: system-packages
system-packages:
	@tools/system-packages mariadb postgresql chromium

.PHONY: test
test: install system-packages  ## run the whole suite, with private MariaDB and PostgreSQL servers
	$(BIN)/python -m pytest --numprocesses auto

.PHONY: lint
lint: install  ## ruff and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: lock
lock: install  ## resolve pyproject.toml anew into requirements.lock and benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --group dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --group dev --group bench --constraints requirements.lock --output-file benchmarks/requirements.lock pyproject.toml

.PHONY: faults
faults: install system-packages  ## the whole fault suite (make test runs a short form of it)
	$(BIN)/python -m pytest cwa_pipeline_tests/faults --faults full --timeout 3600

.PHONY: bench
bench: $(BENCH_VENV)/.installed system-packages  ## the benchmarks: how good the suggested matches are, and how fast a sync is
	$(BENCH_VENV)/bin/python -m benchmarks.suggestions
	$(BENCH_VENV)/bin/python -m benchmarks

$(BENCH_VENV)/.installed: benchmarks/requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP_FROM_LOCK) -r benchmarks/requirements.lock
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
