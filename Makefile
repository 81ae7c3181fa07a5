# Everything a developer or CI runs. Each target sets up what it needs first: Debian packages, Go,
# a virtual environment with locked versions. K3S_RELEASE=DIR takes a real K3s release directory
# in place of the stand-in.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
# Tests of one file share what its fixtures made. Those with booted hosts wait more than they work,
# and come first: their directories are the first by name.
BY_FILE := --dist loadfile --no-loadscope-reorder
SECONDS := 10
export K3S_RELEASE

.PHONY: help setup setup-lab setup-vagrant demo test check docs unit e2e bench fuzz release lock clean

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  \1\t/p' Makefile | expand -t 12

setup: ## Virtual environment with locked versions
	@tools/setup python

setup-lab: setup
	@tools/setup lab

setup-vagrant:
	@tools/setup vagrant

demo: setup-lab ## Boot hosts, build a bundle, install, verify, show the report
	@tools/demo

test: setup-lab setup-vagrant check ## Everything CI runs
	$(PYTEST) tests -n 3 $(BY_FILE)

check: setup docs ## ruff, mypy strict, the layers, shellcheck on what is sent to hosts, the site
	@tools/setup check
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	shellcheck --shell=sh edgeboot/shell/*/*.sh edgeboot_lab/*/*.sh tests/lab/*.sh
	shellcheck tools/setup tools/demo tools/messages tools/release .ci/run
	$(PYTEST) --quiet tests/unit/test_layers.py tests/unit/test_layout.py tests/unit/test_messages.py tests/unit/test_docs_site.py

docs: setup ## The documentation as a site in build/site; broken links fail
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

release: setup ## Build wheel, source archive, SBOM and checksums into dist/, twice, and compare
	tools/release --dry-run

unit: setup ## Unit tests: no network, no root
	$(PYTEST) tests/unit -n auto $(BY_FILE)

e2e: setup-lab ## Install on booted hosts: make e2e [K3S_RELEASE=DIR]
	$(PYTEST) tests/e2e

bench: setup-lab ## Measure: docs/benchmarks.md
	$(PYTHON) -m tests.bench

fuzz: setup ## Try every parser with broken and hostile input: make fuzz [SECONDS=600] [TARGETS=…]
	$(PYTHON) -m tests.support.fuzz --seconds $(SECONDS) $(TARGETS)

lock: setup ## Write requirements-dev.lock anew
	.venv/bin/pip-compile --quiet --extra dev --strip-extras --generate-hashes --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements-dev.lock pyproject.toml

clean: ## Remove the virtual environment and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist ./*.egg-info
