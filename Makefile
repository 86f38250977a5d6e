# Two commands do everything: make repro, make test. Both set up .venv first if need be.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro exploding hand-in test lint format lock benchmark clean-cache

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: .venv/installed .cache/vega.js  ## make .venv and install requirements.lock

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or newer is needed, as in: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv
	uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
	uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# the JavaScript of `dvc plots show` (.dvc/plots.html), out of a wheel, so that it needs no network; third-party code
.cache/vega.js: .venv/installed
	@mkdir -p .cache
	@python -c 'import vl_convert; print(vl_convert.javascript_bundle(vl_version="5.20"))' > $@.partial
	@mv $@.partial $@

repro: setup  ## run the pipeline: whatever has changed since the last run
	dvc repro

exploding: setup  ## let an RNN's gradients explode and cure it in four ways (question 3)
	dvc repro extract_features
	dvc repro --single-item --force exploding_gradients

hand-in: repro  ## vidseq.zip: the report as PDF and the committed source, no data
	git archive --format zip --prefix vidseq/ --add-file report/report.pdf --output vidseq.zip HEAD
	@echo vidseq.zip

test: setup  ## run all tests
	pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup  ## check style, types, who imports whom, and that the dependencies are what is imported
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo --no-cache
	deptry . --no-ansi

format: setup  ## fix style
	ruff check --fix
	ruff format

lock: setup  ## pin again what pyproject.toml asks for
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --group dev pyproject.toml -o requirements.lock
	$(MAKE) versions.yaml

versions.yaml: requirements.lock
	@echo '# Written by make lock: every package and its pins, of which there are several where they differ by Python version.' > $@
	@awk -F'==| ' '/^[a-z0-9].*==/ {gsub(/[._]/, "-", $$1); pins[$$1] = pins[$$1] (pins[$$1] ? ", " : "") "\"" $$2 "\""} \
		END {for (name in pins) print name ": [" pins[name] "]"}' requirements.lock | LC_ALL=C sort >> $@

# folders with videos/ and splits/; MORE adds classes for a second table
benchmark: setup  ## models over splits and seeds, UCF101=<folder> MORE=<folder>: docs/results.md
	python -m benchmarks.heads $(UCF101)
	[ -z "$(MORE)" ] || python -m benchmarks.heads $(UCF101) $(MORE) --results data/benchmark/heads_more.csv
	python -m benchmarks.heads_report --results data/benchmark/heads.csv $(if $(MORE),data/benchmark/heads_more.csv)

clean-cache:  ## delete cached downloads, clips and features; DVC's cache stays
	[ ! -d .cache ] || find .cache -mindepth 1 -maxdepth 1 ! -name vega.js -exec rm -rf {} +
