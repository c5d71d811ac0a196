# Each target does its own set-up: `make demo` on a fresh machine needs Python 3.11 or newer and nothing else.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8000
DATA ?= data
ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One more than the two cores of CI: a third of a worker's time is waiting for Chromium and PostgreSQL.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.PHONY: demo test check soak bench clean

demo: .venv/.ready-run
	$(BIN)/portal demo --port $(PORT) --data $(DATA)

test: .venv/.ready-dev
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(PYTEST) $(ARGS)

check: .venv/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory test

# The same suites at full counts, every database test on SQLite and on PostgreSQL.
soak: .venv/.ready-dev
	HYPOTHESIS_PROFILE=soak PORTAL_TEST_FULL=1 bash tests/postgres.sh $(PYTEST) $(ARGS)

bench: .venv/.ready-dev
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it, or say which: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make environments; install its venv package (Debian: python3-venv)."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.ready-run: .venv/bin/python requirements.txt pyproject.toml
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-dev: .venv/bin/python requirements-dev.txt pyproject.toml
	$(PIP) --require-hashes -r requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
