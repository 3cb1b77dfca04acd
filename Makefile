# `make repro` and `make test` set up all that they need. Nothing has to be activated.

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
# DVC finds the `python` of each stage on PATH.
export PATH := $(BIN):$(PATH)
PIP := python -m pip --quiet --quiet --disable-pip-version-check

.PHONY: repro predict report gate check merge settle accept test lint lint-pipeline clean git

repro: .venv/ready | git
	@python -m plumbline recover
	$(strip dvc repro $(ARGS))
	@python -m plumbline summary

# The new rows are written beside TABLE, with their predictions, or to PREDICTIONS.
MODEL ?= models/model.safetensors

predict: .venv/ready
	@table='$(TABLE)' predictions='$(PREDICTIONS)' && \
		{ test "$$table" || { echo 'wanted a table: make predict TABLE=new.csv'; exit 1; }; } && \
		python -m stages.predict "$$table" '$(MODEL)' \
		"$${predictions:-$${table%.*}.predictions.$${table##*.}}"

# BASE and HEAD are revisions. Without HEAD, the working tree is compared.
BASE ?= main

report: .venv/ready
	@python -m plumbline report $(BASE) $(HEAD) --output report/report.md $(if $(FULL),--full) $(ARGS)

gate: .venv/ready
	@python -m plumbline gate $(BASE) $(HEAD)

check: .venv/ready
	@python -m plumbline check $(HEAD) $(if $(FULL),--full)

# Git merges the code of BRANCH, and `settle` its results.
BRANCH ?= origin/main

merge: .venv/ready
	@git merge --no-commit $(BRANCH) >/dev/null || test -n "$$(git ls-files --unmerged)"
	@python -m plumbline settle

settle: .venv/ready
	@python -m plumbline settle

accept: .venv/ready
	@python -m plumbline accept

PYTEST := python -m pytest
MYPY := mypy

test: .venv/ready-dev lint | git
	$(PYTEST) $(ARGS)

lint: .venv/ready-dev
	ruff check
	ruff format --check
	@$(MYPY)

lint-pipeline: .venv/ready
	@python -m plumbline lint $(if $(QUICK),--quick)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

git:
	@git rev-parse --git-dir >/dev/null 2>&1 || \
		{ echo 'wanted a git repository, which DVC needs; clone this project, or run: git init'; exit 1; }

# The scripts of an environment name its place, so that it breaks when its folder is moved.
MOVED := $(shell test ! -e .venv/bin/dvc || grep -qF '$(realpath .venv)' .venv/bin/dvc || echo moved)
.PHONY: $(MOVED)

.venv/bin/python: $(MOVED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'wanted Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv --clear .venv

# uv makes an environment without pip.
.venv/pip: .venv/bin/python
	@python -m pip --version >/dev/null 2>&1 || python -m ensurepip >/dev/null
	@touch $@

# uv takes a quarter of pip's time. It does not read pip's configuration, so it gets the addresses
# that are there. Where it finds less than pip all the same, pip installs.
UV = $(shell '$(BIN)/python' -m pip config list 2>/dev/null | sed -n \
		-e 's/^.*\.find-links=/UV_FIND_LINKS=/p' -e 's/^.*\.extra-index-url=/UV_INDEX=/p' \
		-e 's/^.*\.index-url=/UV_DEFAULT_INDEX=/p' -e 's/^.*\.cert=/SSL_CERT_FILE=/p' | \
		awk -F= '!seen[$$1]++') \
	UV_INDEX_STRATEGY=unsafe-best-match uv pip install --quiet --python .venv/bin/python
install = @echo 'installing $(1)'; $(UV) $(1) 2>/dev/null || $(PIP) install --no-compile $(1)

# On Linux, the default PyTorch brings CUDA. CPU=1 takes the CPU build of the same version from
# the index that https://pytorch.org/get-started/locally names.
TORCH_CPU := https://download.pytorch.org/whl/cpu

.venv/ready: requirements.txt constraints.txt pyproject.toml $(MOVED) | git .venv/pip
	@command -v uv >/dev/null || $(PIP) install uv || true
	$(if $(CPU),$(call install,--no-deps --index-url $(TORCH_CPU) $(shell grep '^torch==' requirements.txt)))
	$(call install,--requirement requirements.txt)
	@touch $@

.venv/ready-dev: requirements-dev.txt .venv/ready
	$(call install,--requirement requirements-dev.txt)
	@touch $@

# Below: only in this repository, not in a project that `new` makes.
.PHONY: example test-quick test-all bench

# One of examples/: its project is made in build/, which git ignores. Delete it to make it again.
NAME ?= diabetes

example: .venv/ready | git
	$(if $(wildcard examples/$(NAME)/requirements.txt),$(call install,--requirement examples/$(NAME)/requirements.txt))
	@test -e build/$(NAME) || python -m examples.make $(NAME) build/$(NAME)
	@$(MAKE) --no-print-directory --directory build/$(NAME) repro

# -m '...' leaves out tests by their marks, which tests/conftest.py explains.
PYTEST := python -m pytest --numprocesses 2 --dist worksteal -m "not all"

test-quick: .venv/ready-dev | git
	$(PYTEST) -m "not all and not slow" $(ARGS)

# INVARIANCE=1000 and FUZZ=10000 draw so many machines, and so many files of each kind.
test-all: .venv/ready-dev lint | git
	$(PYTEST) -m "" $(ARGS)

# mypy names what another system lacks, such as signal.SIGKILL.
MYPY := printf '%s\n' linux darwin win32 | xargs -P 3 -I {} mypy --platform {} --cache-dir .mypy_cache/{}

# Takes twenty minutes and gigabytes of disk; the figures are in benchmarks/README.md.
bench: .venv/ready-bench
	python -m benchmarks.repro
	python -m benchmarks.training
	python -m benchmarks.processes
	python -m benchmarks.scale
	python -m benchmarks.loading

.venv/ready-bench: requirements-bench.txt .venv/ready
	$(call install,--requirement requirements-bench.txt)
	@touch $@
