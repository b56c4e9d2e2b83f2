# `make` lists the targets. Everything runs in .venv, which the targets make themselves.

.DEFAULT_GOAL := help
.PHONY: help demo setup format lint types test slow fuzz test-oracle bench docs check clean

# The first Python of a supported version; `make PYTHON=... demo` chooses another.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
BIN := .venv/bin
OUT ?= out/demo
TESTS ?= tests
JOBS ?= 2
MINUTES ?= 30
SEED ?= 0
ONLY ?= test

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: .venv/.us ## run the main job on the public CPS and write out/demo/report.html
	$(BIN)/pejax demo --out $(OUT)

setup: .venv/.dev ## make .venv with everything a developer needs

format: .venv/.dev ## rewrite the code in the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/.dev ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.dev ## pyright
	$(BIN)/pyright

test: .venv/.dev ## the tests that need no peer and no accelerator
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup $(TESTS)

slow: .venv/.dev ## tests of the whole law and of many random cases (half an hour)
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m slow $(TESTS)

fuzz: .venv/.dev ## random calls of the public faces for half an hour; MINUTES=, SEED=, ONLY=
	$(BIN)/pytest -q -m fuzz tests/fuzz --fuzz-minutes $(MINUTES) --fuzz-seed $(SEED) -k "$(ONLY)"

test-oracle: .venv/.oracle ## compare with the source engine and with peers (slow)
	$(BIN)/pytest -q -m oracle $(TESTS)

bench: .venv/.oracle ## every benchmark; results go to benchmarks/results
	set -e; for script in benchmarks/[!_]*.py; do $(BIN)/python $$script; done

docs: .venv/.dev ## run the examples and the README's own commands
	$(BIN)/pytest -q tests/unit/test_examples.py tests/unit/test_readme.py

check: lint types test ## exactly what CI runs

clean: ## remove .venv, caches and results; the user's cache folder stays
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist out

# One stamp a set of extras: a set is installed again only when pyproject.toml changes.

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "pejax needs Python 3.11, 3.12 or 3.13, and none was found on" \
		"the PATH. Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.us: EXTRAS = us,io
.venv/.dev: EXTRAS = us,io,viz,dev
.venv/.oracle: EXTRAS = us,io,viz,dev,bench,ray

.venv/.us .venv/.dev .venv/.oracle: .venv/bin/python pyproject.toml
	@echo "installing pejax[$(EXTRAS)] into .venv; the first time takes some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@touch $@
