# Each target does its own set-up. Another folder for the programs: make VENV=/some/where test
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# No home folder, or one that does not exist, must not be a reason to fail. Not the environment's: uv would put its
# cache there, and then refuses to make an environment of a folder that is none.
export HOME := $(if $(and $(HOME),$(wildcard $(HOME)/.)),$(HOME),$(abspath build/home))
# More than two at once only wait for each other: the tests share one Postgres.
JOBS ?= 2
FAULT_JOBS ?= 4
ARGS ?=

.PHONY: help demo up test faults load fuzz check bench fmt clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Import contacts, send them a campaign over real SMTP, show the numbers
	@$(BIN)/exosend demo $(ARGS)

up: $(READY) ## Start everything and keep it running until Ctrl-C
	@$(BIN)/exosend up $(ARGS)

test: $(READY) ## All tests (ARGS="-k name" for some)
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# A test of a fault may take as long as this, and mostly waits: four at once take half the time of two. The table shows
# what was tried even if one failed. That of a whole run in which none failed goes into docs/reliability.md.
faults: $(READY) ## Break everything, in the long form, and print what was found (FAULTS_SEED=1 to repeat a run)
	@rm -rf build/faults/long
	FAULTS=long $(BIN)/python -m pytest -n $(FAULT_JOBS) --timeout 1500 tests/faults $(ARGS); code=$$?; \
		page=$$([ $$code -ne 0 ] || [ -n "$(ARGS)" ] || echo docs/reliability.md); \
		$(BIN)/python -m tests.support.trials build/faults/long $$page; exit $$code

load: $(READY) ## 1,000 bulk requests of 10 and 100 of 200 within a minute, beside a campaign (LOAD_SHARE=0.2: a fifth)
	LOAD_SHARE=$(or $(LOAD_SHARE),1) $(BIN)/python -m pytest tests/e2e/test_many_requests.py -s $(ARGS)

fuzz: $(READY) ## Ask the API what nobody would (EXAMPLES=300 of each operation, SEED=1 to repeat a run)
	FUZZ_EXAMPLES=$(or $(EXAMPLES),300) FUZZ_SEED=$(or $(SEED),$(shell echo $$RANDOM)) \
		$(BIN)/python -m pytest tests/contract/test_schemathesis.py -s $(ARGS)

check: $(READY) ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Measure, each figure beside its limit (QUICK=1: small amounts, about five minutes)
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

fmt: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what make and the tests made (not the data folder .exosend)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.schemathesis .exosend-demo benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt .ci/install
	@.ci/install $(VENV)
