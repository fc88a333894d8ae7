# The commands of this project. `make help` lists them.
# A folder is made ready once for each state of the lock files; a stamp inside .venv says which state that is.

.DEFAULT_GOAL := help
SHELL := /bin/sh
ARGS ?=

python := .venv/bin/python
pip := $(python) -m pip --disable-pip-version-check --no-input --quiet
install := $(pip) install --require-hashes --no-warn-script-location

# The folder is part of the key: a moved clone is set up again, since scripts of a virtual environment name their place.
sources := requirements.lock requirements-node.lock package-lock.json pyproject.toml hatch_build.py scripts/browser_libraries.py
state := $(shell { pwd; cat $(sources); } | cksum | cut -d ' ' -f 1)
dev_state := $(shell { pwd; cat $(sources) requirements-dev.lock; } | cksum | cut -d ' ' -f 1)
ready := .venv/.ready-$(state)
dev_ready := .venv/.dev-ready-$(dev_state)

export PYTHON

##@ Use it

.PHONY: run
run: $(ready) ## Set up what is missing and serve on http://127.0.0.1:8417 (more options: make run ARGS="--help")
	@exec .venv/bin/authdeck serve $(ARGS)

.PHONY: demo
demo: $(ready) ## The same on a temporary home, with simulated providers and made-up accounts, offline
	@exec .venv/bin/authdeck demo $(ARGS)

##@ Work on it

.PHONY: test
test: setup clients ## Set up what the tests need (Chromium and the real clients included), check, and run all tests
	@$(checks) || { failed=1; echo "make test: a check failed, see above; the tests run all the same" >&2; }; \
	$(python) -m pytest $(at_once) $(ARGS) && [ -z "$$failed" ]

# Files side by side, one a core, in their order: browser tests have to stay last in each process (-n0: one by one).
at_once = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A check that fails does not hide what the tests say: their summary comes last. (A literal MAKE would run under make -n.)
checks = $(MAKE) --no-print-directory check

# The parsers' inputs are shared among all cores as it is; of the other parts, two run side by side.
.PHONY: proof
proof: setup ## The long proofs, about an hour on two cores: every property with 1,000 inputs of chance, every parser and import with 100,000, ten minutes of storm over token rotation, two minutes of streams that break anywhere, ten thousand accounts refused at once, kills at every step, every route with 200 requests
	AUTHDECK_PROOF_EXAMPLES=1000 $(python) -m pytest --timeout 0 -n 2 --maxschedchunk 1 -m hypothesis
	AUTHDECK_PROOF_INPUTS=100000 $(python) -m pytest --timeout 0 tests/formats/test_fuzz.py tests/operations/test_import_fuzz.py
	AUTHDECK_PROOF_INPUTS=100000 $(python) -m pytest --timeout 0 -n 2 --maxschedchunk 1 tests/upstream/test_http1.py
	AUTHDECK_PROOF_SECONDS=600 $(python) -m pytest --timeout 0 -s tests/end_to_end/test_rotation_storm.py
	AUTHDECK_PROOF_ACCOUNTS=10000 $(python) -m pytest --timeout 0 -s tests/web/test_queue_storm.py tests/operations/test_refused_refreshes.py
	AUTHDECK_PROOF_REQUESTS=200 $(python) -m pytest --timeout 600 -n 2 --dist loadfile $(crashes) tests/end_to_end/test_descriptions.py
	AUTHDECK_PROOF_ROUNDS=100 $(python) -m pytest --timeout 0 tests/operations/test_directory_and_sql.py
	AUTHDECK_PROOF_SECONDS=120 $(python) -m pytest -s tests/gateway/test_stream_chaos.py

crashes = tests/end_to_end/test_kills.py tests/storage/test_no_room.py tests/operations/test_nothing_is_lost.py \
	tests/operations/test_batches_and_crashes.py tests/operations/test_batches_at_once.py tests/end_to_end/test_batches.py \
	tests/operations/test_holds_across_processes.py

# Apart from the tests: measuring doubles their CPU time (64 s became 131 s for formats, operations and gateway).
.PHONY: coverage
coverage: setup ## Run all tests and say which lines they reach
	@$(python) -m pytest --cov --cov-report=term $(ARGS)

.PHONY: setup
setup: $(dev_ready) ## Set up what the tests and checks need, and nothing else
	@scripts/install-chromium

.PHONY: clients
clients: ## Fetch the real Codex CLI and Claude Code into .make/clients (some 800 MB), for the tests that run them
	@scripts/install-clients

.PHONY: check
check: $(dev_ready) ## Formatting, lint, types, import contracts, message catalogues
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	$(python) -m mypy
	.venv/bin/lint-imports
	$(python) -m authdeck.wording.extract --check

.PHONY: format
format: $(dev_ready) ## Format the code and mend what ruff can mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: bench
bench: $(dev_ready) ## All benchmarks; each prints its method, its figure and a ratio (one: make bench ARGS=startup)
	@for name in $(or $(ARGS),$(benchmarks)); do echo "== $$name"; $(python) bench/$$name.py || exit 1; echo; done

.PHONY: screenshots
screenshots: setup ## Take pictures of all pages into docs/screenshots, and the one of the README (some: make screenshots ARGS="--only auth-files")
	@$(python) scripts/screenshots.py $(ARGS)

.PHONY: lock
lock: .venv ## Write all lock files anew, keeping the versions that still fit (newest instead: make lock ARGS=--upgrade)
	@PYTHON=$(python) scripts/lock $(ARGS)

.PHONY: clean
clean: ## Remove everything that the other commands made here; accounts live elsewhere and stay
	rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	rm -rf dist build src/authdeck/web/static/vendor tests/browser/vendor
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

benchmarks := $(filter-out shared deck_of_many,$(patsubst bench/%.py,%,$(sort $(wildcard bench/*.py))))

# Steps on the way

.venv:
	@python=$$(scripts/find-python) && echo "Making a virtual environment in .venv with $$("$$python" --version)" && "$$python" -m venv .venv || { rm -rf .venv; exit 1; }

$(ready): | .venv
	@echo "Installing the locked dependencies (once; they are checked against their hashes)"
	@$(install) -r requirements.lock
	@$(call libraries,)
	@$(call project)
	@rm -f .venv/.ready-* && touch $@

$(dev_ready): | .venv
	@echo "Installing the locked dependencies of tests and checks (once)"
	@$(install) -r requirements-dev.lock
	@$(call libraries,--dev)
	@$(call project)
	@rm -f .venv/.ready-* .venv/.dev-ready-* && touch $(ready) $@

# npm comes as a Python package where it is needed and not on PATH. The project itself needs no download: its build tool is locked too.
libraries = $(python) scripts/browser_libraries.py --check $(1) || { \
	command -v npm >/dev/null || $(install) -r requirements-node.lock; $(python) scripts/browser_libraries.py $(1); }
project = $(pip) install --no-deps --no-build-isolation --editable .
