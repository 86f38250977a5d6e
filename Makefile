# Two commands do everything: make repro, make test. Both set up .venv first if need be.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro exploding test lint format lock benchmark clean-cache

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: .venv/installed  ## make .venv and install requirements.lock

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or newer is needed, as in: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv
	uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
	uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	.venv/bin/python -m vidseq.offline_plots
	@touch $@

repro: setup  ## run the pipeline: whatever has changed since the last run
	dvc repro

exploding: setup  ## let an RNN's gradients explode and cure it in four ways (question 3)
	dvc repro extract_features
	dvc repro --single-item --force exploding

test: setup  ## run all tests
	pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: setup  ## check style
	ruff check
	ruff format --check

format: setup  ## mend style
	ruff check --fix
	ruff format

lock: setup  ## pin what pyproject.toml asks for anew
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --group dev pyproject.toml -o requirements.lock

benchmark: setup  ## heads over splits and seeds on UCF101=<folder> with videos/ and splits/: docs/results.md
	python -m benchmarks.heads $(UCF101)
	python -m benchmarks.heads_report

clean-cache:  ## delete kept downloads and features; DVC's cache stays
	[ ! -d .cache ] || find .cache -mindepth 1 -maxdepth 1 ! -name vega.js -exec rm -rf {} +
