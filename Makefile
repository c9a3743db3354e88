# Needs Python 3.11+, git and make; everything else goes into .venv.
PYTHON  ?= python3
WORKERS ?= auto

BIN := .venv/bin
# uv installs into .venv with its Python, and never downloads another.
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON := $(BIN)/python
export UV_PYTHON_DOWNLOADS := never
SYNC := $(BIN)/uv sync --frozen --inexact

# What Python compiles is kept, whatever the shell says: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo env test lint format types pytest daily formal prove mutants bench wheel site notebooks pictures lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/run.stamp  ## verify the theorems and measure the alignment of the embedded networks
	$(BIN)/dlntheory verify --quick
	$(BIN)/dlntheory align

env: .venv/dev.stamp  ## create or update the development environment in .venv

test: .venv/dev.stamp  ## run every check but the mutants: ruff, mypy, pytest
	$(MAKE) --no-print-directory --jobs=2 lint types pytest  # mypy keeps one core busy

lint: .venv/dev.stamp  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/dev.stamp  ## fix what ruff can fix, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/dev.stamp  ## check types
	$(BIN)/mypy

pytest: .venv/dev.stamp  ## run the tests and the examples of docstrings, README and docs
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

daily: .venv/dev.stamp  ## run what takes too long for every change, too
	$(BIN)/python -m pytest --everything --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

formal:  ## check the proofs in Coq (Debian: coq, libcoq-mathcomp-algebra)
	$(MAKE) --no-print-directory -C proofs/formal

prove: .venv/dev.stamp  ## prove every statement, and write the table of proofs/README.md anew
	$(BIN)/dlntheory prove
	$(BIN)/python -m proofs

mutants: .venv/dev.stamp  ## change the formulas one by one and check that the tests fail
	$(BIN)/python tests/run_mutants.py

bench: .venv/dev.stamp  ## time the library against its bars
	$(BIN)/python -m experiments.benchmarks

wheel: wheel-lowest-direct wheel-highest  ## install the wheel alone, with the oldest and the newest it allows, and run it

wheel-%: .venv/uv.stamp
	.ci/install $*

site: .venv/site.stamp  ## build the documentation as pages that open offline, in .cache/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file website/mkdocs.yml
	@echo .cache/site/index.html

notebooks: .venv/dev.stamp  ## run the notebooks, and store what they show
	$(BIN)/uv run --inexact --frozen --with ipykernel --with nbclient python website/run_notebooks.py

pictures: .venv/dev.stamp  ## draw the pictures of README and docs anew
	$(BIN)/python -m experiments.pictures

lock: .venv/uv.stamp  ## resolve the dependencies again into uv.lock
	$(BIN)/uv lock --upgrade

clean:  ## remove the environment, caches and builds
	rm -rf .venv .cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/uv.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dlntheory needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	touch $@

# --inexact leaves alone what was installed by hand, such as PyTorch; a development environment also runs the demo.
.venv/run.stamp: .venv/uv.stamp pyproject.toml uv.lock
	$(SYNC) --no-dev
	touch $@

.venv/dev.stamp: .venv/uv.stamp pyproject.toml uv.lock
	$(SYNC)
	touch $@ .venv/run.stamp

.venv/site.stamp: .venv/dev.stamp
	$(SYNC) --group site
	touch $@
