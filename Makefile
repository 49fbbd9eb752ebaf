# `make` or `make help` lists what can be done here.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
ONCE ?=
PLAY ?=
PROCESS ?=
# Tests start many processes; without bytecode beside the sources each would compile all of them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test test-slow check bench docs chromium

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with exactly what requirements.lock names, and this project in it

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || python3 -m venv $(VENV)
	awk '/^uv==/ {take = 1} take {print} take && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock \
	  || { echo "uv does not reach its index; pip installs the same lock."; \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup ## Play a case on stand-ins (ONCE=1: to its end; PLAY=me: you decide; PROCESS=document-change, privacy-request, offboarding, sales-transfer)
	$(BIN)/casework demo $(if $(ONCE),--once) $(if $(PLAY),--play $(PLAY)) $(if $(PROCESS),--process $(PROCESS))

up: setup ## Run everything on this machine, on stand-ins, until Ctrl-C
	$(BIN)/casework up --sandbox

test: setup chromium ## Run the tests that take seconds
	$(BIN)/pytest -m "not slow and not engine" -n 2
	$(BIN)/pytest -m "engine and not slow" -n 2 --dist loadfile

test-slow: setup chromium ## Run the tests that take minutes
	$(BIN)/pytest -m "slow and not engine" -n 2
	$(BIN)/pytest -m "slow and engine"

check: setup ## Format, lint, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure what is claimed about speed
	for one in benchmarks/bench_*.py; do echo "== $$one"; $(BIN)/python "$$one"; done

docs: setup ## Check the links and the commands in the documentation
	$(BIN)/pytest tests/test_docs.py

chromium: # The download page's tests drive a real browser; without one they are skipped and say so
	@if command -v chromium >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "No chromium and no apt-get: the browser tests are skipped."; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as=sudo; else \
	  echo "No chromium, and it cannot be installed without a password: the browser tests are skipped."; exit 0; fi; \
	{ $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	|| echo "chromium could not be installed: the browser tests are skipped."
