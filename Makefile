# `make repro` and `make test` set up everything they need. No environment has to be active.

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
# DVC runs each stage with the first `python` on PATH.
export PATH := $(BIN):$(PATH)
PIP := python -m pip --quiet --quiet --disable-pip-version-check

.PHONY: repro predict report gate check merge settle accept test lint lint-pipeline clean git

repro: .venv/ready | git
	@python -m plumbline recover
	$(strip dvc repro $(ARGS))
	@python -m plumbline summary

# Writes the rows of TABLE with their predictions to PREDICTIONS, by default a file next to TABLE.
MODEL ?= models/model.safetensors

predict: .venv/ready
	@table='$(TABLE)' predictions='$(PREDICTIONS)' && \
		{ test "$$table" || { echo 'wanted a table: make predict TABLE=new.csv'; exit 1; }; } && \
		python -m stages.predict "$$table" '$(MODEL)' \
		"$${predictions:-$$(echo "$$table" | sed -E 's|(\.[^./]*)?$$|.predictions\1|')}"

# BASE and HEAD are revisions. Without HEAD, BASE is compared with the working tree.
BASE ?= main

report: .venv/ready
	@python -m plumbline report $(BASE) $(HEAD) --output report/report.md $(if $(FULL),--full) $(ARGS)

gate: .venv/ready
	@python -m plumbline gate $(BASE) $(HEAD)

check: .venv/ready
	@python -m plumbline check $(HEAD) $(if $(FULL),--full)

# Git merges the code of BRANCH; `settle` merges the results.
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

# The scripts in .venv contain its absolute path, so a .venv that was moved is made again.
MOVED := $(shell test ! -e .venv/bin/dvc || grep -qF '$(realpath .venv)' .venv/bin/dvc || echo moved)
.PHONY: $(MOVED)

.venv/bin/python: $(MOVED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'wanted Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv --clear .venv

# An environment that uv made has no pip.
.venv/pip: .venv/bin/python
	@python -m pip --version >/dev/null 2>&1 || python -m ensurepip >/dev/null
	@touch $@

# uv takes a quarter of pip's time. It does not read pip's configuration, so $(UV) passes pip's
# index addresses to uv. If uv fails, for example because it does not find a package, pip installs.
UV = $(shell '$(BIN)/python' -m pip config list 2>/dev/null | sed -n \
		-e 's/^.*\.find-links=/UV_FIND_LINKS=/p' -e 's/^.*\.extra-index-url=/UV_INDEX=/p' \
		-e 's/^.*\.index-url=/UV_DEFAULT_INDEX=/p' -e 's/^.*\.cert=/SSL_CERT_FILE=/p' | \
		awk -F= '!seen[$$1]++') \
	UV_INDEX_STRATEGY=unsafe-best-match uv pip install --quiet --python .venv/bin/python
install = @echo 'installing $(1)'; $(UV) $(1) 2>/dev/null || $(PIP) install --no-compile $(1)

# On Linux, the default PyTorch brings CUDA. CPU=1 installs the CPU build of the same version from
# PyTorch's own index (https://pytorch.org/get-started/locally).
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

# Runs the project of examples/NAME in build/NAME, which git ignores; delete it to start again.
NAME ?= diabetes

example: .venv/ready | git
	$(if $(wildcard examples/$(NAME)/requirements.txt),$(call install,--requirement examples/$(NAME)/requirements.txt))
	@test -e build/$(NAME) || python -m examples.make $(NAME) build/$(NAME)
	@$(MAKE) --no-print-directory --directory build/$(NAME) repro

# -m selects tests by their marks, which tests/conftest.py explains.
PYTEST := python -m pytest --numprocesses 2 --dist worksteal -m "not all"

test-quick: .venv/ready-dev | git
	$(PYTEST) -m "not all and not slow" $(ARGS)

# INVARIANCE=1000 tries 1,000 random cases, and FUZZ=10000 tries 10,000 random files of each kind.
test-all: .venv/ready-dev lint | git
	$(PYTEST) -m "" $(ARGS)

# For each platform, mypy finds names that the platform lacks, such as signal.SIGKILL on Windows.
MYPY := printf '%s\n' linux darwin win32 | xargs -P 3 -I {} mypy --platform {} --cache-dir .mypy_cache/{}

# Takes twenty minutes and gigabytes of disk space. The results are in benchmarks/README.md.
bench: .venv/ready-bench
	python -m benchmarks.repro
	python -m benchmarks.training
	python -m benchmarks.processes
	python -m benchmarks.scale
	python -m benchmarks.loading

.venv/ready-bench: requirements-bench.txt .venv/ready
	$(call install,--requirement requirements-bench.txt)
	@touch $@
