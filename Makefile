# `make demo` and `make test` need Python 3.11 or newer and npm; everything else they bring.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROJECT := setup.cfg setup.py pyproject.toml
CLIENT := pyramid_sio/client/VERSION
NODE_MODULES := node_modules/.package-lock.json
# Of tests, at once; with 0 they run in pytest's own.
PROCESSES ?= 0
# pip and Python are told to keep to what a person wants to read.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONUNBUFFERED = 1

.DEFAULT_GOAL := help
.PHONY: help demo test prepare ready run-tests bench docs lint clean

help:
	@echo "make demo    the chat, on http://127.0.0.1:6543/"
	@echo "make test    every test, with coverage"
	@echo "make lint    style and types"
	@echo "make docs    the documentation, in docs/_build/html"
	@echo "make bench   speed and memory, against Node.js and python-socketio"
	@echo "make clean   away with everything that the others made"

demo: $(VENV)/.demo $(CLIENT)
	@echo "The chat is on http://127.0.0.1:6543/ (open it twice; Ctrl-C ends it)"
	@exec $(BIN)/pserve development.ini

test: prepare
	@$(MAKE) --no-print-directory run-tests

# What the system lacks is found out before anything else is begun.
prepare:
	@tools/system_packages.sh "$(PYTHON)"
	@$(MAKE) --no-print-directory -j3 ready

ready: $(VENV)/.tests $(NODE_MODULES) $(CLIENT)

run-tests: ready
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=$(PROCESSES)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@$(BIN)/coverage report --include='pyramid_sio/protocol/*' --fail-under=100 > /dev/null \
		|| { echo "pyramid_sio/protocol is not covered whole, see above"; exit 1; }

lint: $(VENV)/.tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.demo
	$(BIN)/python bench/run.py

clean:
	rm -rf $(VENV) .cache build dist node_modules bench/node_modules pyramid_sio/client docs/_build
	rm -rf *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

# One stamp for each extra: installed again when the project's own files say something new.
$(VENV)/.%: $(PROJECT) | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null \
		|| { echo "Python lacks its venv module; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(CLIENT): package.json package-lock.json tools/fetch_client.py
	@$(PYTHON) tools/fetch_client.py
	@touch $@

$(NODE_MODULES): package.json package-lock.json
	npm ci
	@touch $@
