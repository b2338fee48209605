# One front door for chores. Everything runs from .venv, which `make setup` makes from the hashed lock.
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE   # without bytecode on disk imports take three times as long
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.setup

.PHONY: help setup check lint unit test proof demo bench bench-credentials lock format clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(SETUP)  ## make .venv with everything for demo and tests

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nb2prod needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`. Fix: make PYTHON=python3.11 $(or $(MAKECMDGOALS),setup)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(SETUP): requirements.lock pyproject.toml | $(BIN)/uv
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

check: lint unit  ## ruff, mypy, import-linter, unit tests

lint: $(SETUP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(SETUP)
	$(BIN)/pytest -q tests/unit -n 2 -m "not proof"

test: check  ## what CI runs: check, then the integration tests
	$(BIN)/pytest -q tests/integration -m "not proof" -n 2 --dist loadfile

proof: $(SETUP)  ## the long proofs
	$(BIN)/pytest -q tests -m proof --timeout 3600

demo: $(SETUP)  ## the main job on real flights
	$(BIN)/nb2prod demo

bench: $(SETUP)  ## the figures: %deploy with its phases, MLflow beside it, the front, what monitoring costs it
	$(BIN)/python tests/benchmarks/deploy.py --empty --write
	$(BIN)/python tests/benchmarks/serving.py
	$(BIN)/python tests/benchmarks/recording.py --write

bench-credentials: $(SETUP)  ## planted credentials found, clean notebooks stopped for nothing
	$(BIN)/python tests/benchmarks/credentials/run.py --write

bench-monitoring: $(SETUP)  ## monitoring against its peers, each in its own environment
	@for peer in nannyml==0.13.1 evidently==0.7.23 alibi-detect==0.13.0; do at=build/peers/$${peer%%==*}; test -x $$at/bin/python || { \
	  $(BIN)/uv venv -q $$at && VIRTUAL_ENV=$$at $(BIN)/uv pip install -q $$peer statsmodels setuptools 'pandas<3'; } || echo "$$peer does not install here"; done
	$(BIN)/python tests/benchmarks/monitoring/run.py
	$(BIN)/python tests/benchmarks/monitoring/labels.py
	$(BIN)/pytest -q tests/unit/monitoring/test_sequences.py -m proof --timeout 1800

lock: $(BIN)/uv  ## resolve requirements.lock again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group dev -o requirements.lock

format: $(SETUP)
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache
