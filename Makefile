# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in .venv, from requirements.lock.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo

BENCH_VENV := .venv-bench
DOCS_VENV := .venv-docs
RELEASE_VENV := .venv-release
RUNTIME_VENV := .venv-runtime
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
	@tools/system-packages mariadb postgresql chromium nginx systemd

.PHONY: test
test: install system-packages  ## run the whole suite, with private MariaDB and PostgreSQL servers
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

.PHONY: page-matrix
page-matrix: install system-packages  ## the integration page in every size and color scheme (make test checks one of each)
	$(BIN)/python -m pytest cwa_pipeline_tests/page --page-matrix full -k 'axe or pictures or right_aligned or layout'

.PHONY: lint
lint: install  ## ruff, the type checker, and Dagster's own check of the definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	env -u DAGSTER_HOME -u CWA_PIPELINE_CONFIG PYTHONWARNINGS=ignore $(BIN)/dagster definitions validate --log-level error --workspace workspace.yaml

.PHONY: lock
lock: install  ## resolve pyproject.toml again, into requirements.lock and the locks of the other environments
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --group dev --extra many-hosts --output-file requirements.lock pyproject.toml
	$(COMPILE) --group dev --group bench --constraints requirements.lock --output-file benchmarks/requirements.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --output-file requirements.runtime.lock pyproject.toml
	$(COMPILE) --extra many-hosts --extra kubernetes --constraints requirements.lock --output-file deploy/requirements.lock pyproject.toml
	$(COMPILE) --group dev --group docs --constraints requirements.lock --output-file documentation/requirements.lock pyproject.toml
	$(COMPILE) --group release --constraints requirements.lock --output-file tools/release/requirements.lock

.PHONY: faults
faults: install system-packages  ## the whole fault suite (make test injects one fault of each kind)
	$(BIN)/python -m pytest cwa_pipeline_tests/faults --faults full --timeout 3600

# As root, in a network of its own from which nothing leads out, and with all its processes ended when it ends.
APART = $(shell [ "$$(id -u)" = 0 ] && echo unshare --net --mount --pid --fork --mount-proc --kill-child)

.PHONY: many-hosts
many-hosts: install system-packages  ## thirty shops on three hosts, one cut off and one code server killed; measures shops per hour
	$(APART) $(BIN)/python -m pytest --capture=no cwa_pipeline_tests/many_hosts/trial.py

.PHONY: bench
bench: $(BENCH_VENV)/.installed install system-packages  ## the benchmarks: how good the suggested matches are, and how fast a sync is
	$(BENCH_VENV)/bin/python -m benchmarks.suggestions
	$(BENCH_VENV)/bin/python -m benchmarks

.PHONY: bench-million
bench-million: $(BENCH_VENV)/.installed install system-packages  ## how fast a sync is, with a shop of 1,000,000 computers too
	$(BENCH_VENV)/bin/python -m benchmarks --sizes 1000 20000 100000 1000000

$(BENCH_VENV)/.installed: benchmarks/requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP_FROM_LOCK) -r benchmarks/requirements.lock
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: docs
docs: $(DOCS_VENV)/.installed  ## build the documentation into site/, warnings as errors, and look at what was built
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict
	$(DOCS_VENV)/bin/python -m pytest --quiet documentation/test_site.py

.PHONY: docs-serve
docs-serve: $(DOCS_VENV)/.installed  ## the documentation on http://127.0.0.1:8000, built again at every change
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs serve --strict

.PHONY: screenshots
screenshots: install  ## take the documentation's pictures again: Dagster's lineage, and the page as the tests saw it
	@tools/system-packages chromium
	$(BIN)/python -m pytest --quiet cwa_pipeline_tests/page/test_browser_looks.py --page-matrix full -k pictures
	$(BIN)/python -m documentation.screenshots

.PHONY: schema
schema: install  ## write cwa_pipeline.schema.json again from the settings
	$(BIN)/python -m documentation.schema

$(DOCS_VENV)/.installed: documentation/requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python $(PIP_FROM_LOCK) -r documentation/requirements.lock
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: package
package: $(RELEASE_VENV)/.installed $(RUNTIME_VENV)/.installed  ## build wheel and sdist into dist/, and run the demo of each in an empty environment elsewhere
	tools/release/package $(RELEASE_VENV) $(RUNTIME_VENV)

.PHONY: versions
versions: system-packages  ## a good part of the suite on each Python from 3.11 to 3.13 that is here
	@tools/release/versions

.PHONY: licences
licences: $(RELEASE_VENV)/.installed $(RUNTIME_VENV)/.installed  ## hold the licence of every dependency against the allowed ones
	$(RELEASE_VENV)/bin/python tools/release/licences.py $(RUNTIME_VENV)/bin/python

.PHONY: sbom
sbom: $(RELEASE_VENV)/.installed $(RUNTIME_VENV)/.installed  ## write dist/sbom.cdx.json: what a shop gets, with versions and licences
	@mkdir -p dist
	$(RELEASE_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate \
		--output-file dist/sbom.cdx.json $(RUNTIME_VENV)/bin/python

.PHONY: audit
audit: $(RELEASE_VENV)/.installed  ## ask the database of known vulnerabilities (needs the internet) about what a shop gets
	$(RELEASE_VENV)/bin/python tools/release/audit.py requirements.runtime.lock

$(RELEASE_VENV)/.installed: tools/release/requirements.lock
	$(PYTHON) -m venv --clear $(RELEASE_VENV)
	$(RELEASE_VENV)/bin/python $(PIP_FROM_LOCK) -r tools/release/requirements.lock
	@touch $@

# What a shop gets: the dependencies of a release, and nothing of ours for development.
$(RUNTIME_VENV)/.installed: requirements.runtime.lock
	$(PYTHON) -m venv --clear $(RUNTIME_VENV)
	$(RUNTIME_VENV)/bin/python $(PIP_FROM_LOCK) -r requirements.runtime.lock
	@touch $@
