# Two commands from a fresh clone: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# what is heavy and seldom asked for is locked for nobody
EXTRAS = $(shell sed -n '/^\[project.optional/,/^\[project.scripts/s/^\([a-z]*\) = .*/--extra \1/p' pyproject.toml | grep -Ev ' (capa|floss)$$')
LOCK = uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml $(EXTRAS)
PYTEST := $(BIN)/python -m pytest
SOURCES := orchestrator workers tests

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test lint format types imports check bench bench-quick bench-growth chaos corpus test-corpus docs screenshots lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 14

install: $(VENV)/.installed ## make .venv from the lock file; leaves .venv/bin/assay

install-dev: $(VENV)/.installed-dev ## the same, with what tests and checks need

$(VENV)/.installed: requirements.lock pyproject.toml scripts/make-env
	scripts/make-env $(VENV) requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml scripts/make-env
	scripts/make-env $(VENV) requirements-dev.lock
	@touch $(VENV)/.installed $@

demo: install ## real files through the whole stack, in under a minute
	@$(BIN)/assay demo

test: install-dev ## every test
	$(PYTEST) -n 2 --dist worksteal $(ARGS)

lint: install-dev ## ruff's rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install-dev ## rewrite the sources as ruff would have them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: install-dev ## mypy --strict
	$(BIN)/mypy

imports: install-dev ## who may import whom
	$(BIN)/lint-imports

check: lint types imports ## everything but the tests

bench: install-dev ## every benchmark, written to docs/benchmarks; NAMES='recording reading' takes some
	$(BIN)/python -m benchmarks $(NAMES) --write

bench-quick: install-dev ## the same, one small round each, nothing written
	$(BIN)/python -m benchmarks $(NAMES) --quick

bench-growth: install-dev ## with ten million job tasks (30 GB of disk, an hour), and memory over ten minutes
	$(BIN)/python -m benchmarks growth-full soak --write

chaos: install-dev ## fault injection, the long version
	$(PYTEST) tests/chaos --chaos long -s -n 0 --timeout 0 $(ARGS)

corpus: install-dev ## fetch several hundred real files into .cache/corpus
	$(BIN)/python -m tests.corpus.fetch

test-corpus: install-dev ## the fetched files through a whole Assay, and a table
	$(BIN)/python -m tests.corpus.run

docs: install-dev ## the documentation as a site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

screenshots: install-dev ## pictures of the real pages, into docs/images
	$(BIN)/python -m scripts.screenshots

lock: ## resolve the lock files anew (needs uv)
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -o requirements-dev.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
