# Ratecard: `make demo` and `make test` need nothing but Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: help demo test test-billing lint format bench screenshots clean

help:
	@echo "make demo         real data in an embedded database, dashboard at http://127.0.0.1:8501"
	@echo "make test         every test, on SQLite, PostgreSQL and in Chromium"
	@echo "make test-billing the ledger, quotas, the HTTP API and the examples alone"
	@echo "make lint         ruff and mypy"
	@echo "make format       put the code into its canonical form"
	@echo "make bench        measure speed and memory against peers"
	@echo "make screenshots  take the pictures of the docs again"
	@echo "make clean        remove what these commands made"

demo: $(VENV)/ratecard
	$(BIN)/ratecard demo

test: $(VENV)/ratecard-test
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

test-billing: $(VENV)/ratecard-test
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/metering tests/examples $(PYTEST_ARGS)

lint: $(VENV)/ratecard-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/ratecard fmt --check
	$(BIN)/ratecard schema --check

format: $(VENV)/ratecard-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ratecard-bench
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/ratecard-test
	$(BIN)/python -m docs.screenshots

clean:
	rm -rf $(VENV) .ratecard build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ratecard needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/ratecard: $(VENV)/python pyproject.toml constraints.txt
	$(PIP_INSTALL) .
	@touch $@

$(VENV)/ratecard-test: $(VENV)/python pyproject.toml constraints.txt
	$(PIP_INSTALL) '.[test]'
	@touch $@ $(VENV)/ratecard

$(VENV)/ratecard-bench: $(VENV)/python pyproject.toml constraints.txt
	$(PIP_INSTALL) '.[test,bench]'
	@touch $@ $(VENV)/ratecard $(VENV)/ratecard-test
