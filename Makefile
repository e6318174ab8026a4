# Everything is installed beside this file, each tool in an environment of its own (several pin different versions
# of botocore), and only when its pinned list has changed. Nothing outside this folder is touched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

STACK_NAME ?= sentinel
PYTHON := .venv/bin/python
export PYTHONPATH := layers/sentinel:tests
export SAM_CLI_TELEMETRY := 0
# uv from PATH, else one installed from requirements/uv.txt
UV := $(shell command -v uv || echo .venvs/uv/bin/uv)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# ---------------------------------------------------------------- what a user runs

.PHONY: demo
demo: .venv/installed .venvs/sam/installed .venvs/ministack/installed ## build, deploy and use the application on an embedded AWS; no account needed
	@$(PYTHON) examples/demo.py

.PHONY: deploy
deploy: .venvs/sam/installed ## build and deploy to the account of your AWS credentials; STACK_NAME=… names the stack
	@PATH="$(CURDIR)/.venvs/sam/bin:$$PATH"; sam build && sam deploy --stack-name "$(STACK_NAME)"

# ---------------------------------------------------------------- checks

.PHONY: test
test: java lint ## all checks: lint, types, unit, DynamoDB Local, runtime emulator, deployed stack, coverage
	@rm -f .coverage
	@$(MAKE) unit dynamodb runtime stack
	@$(PYTHON) -m coverage report --skip-covered

.PHONY: lint
lint: .venv/installed .venvs/sam/installed ## ruff, mypy --strict, cfn-lint
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(wildcard layers/sentinel/sentinel functions tests examples benchmarks schemas cli)
	.venvs/sam/bin/cfn-lint template.yaml examples/*.yaml

PYTEST = $(PYTHON) -m pytest
# Runtime and stack run what is deployed, in processes of their own: they add nothing to what is measured.
COVERED = $(PYTEST) --cov --cov-append --cov-report= --cov-fail-under=0
PARALLEL = --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: unit
unit: .venv/installed .venvs/sam/installed ## rules and plans, with moto and hypothesis
	$(COVERED) $(PARALLEL) tests/unit

.PHONY: dynamodb
dynamodb: java .venv/installed ## what needs DynamoDB's own semantics, on DynamoDB Local
	$(COVERED) $(PARALLEL) tests/dynamodb

.PHONY: runtime
runtime: java .venv/installed .venvs/sam/installed .venvs/runtime/installed ## the built functions behind the Lambda runtime emulator
	$(PYTEST) tests/runtime

.PHONY: stack
stack: java .venv/installed .venvs/sam/installed .venvs/ministack/installed .venvs/docs/installed ## the application, deployed by SAM on an embedded AWS
	$(PYTEST) tests/stack

.PHONY: soak
soak: java .venv/installed ## the property tests for hours instead of minutes
	$(PYTEST) $(PARALLEL) tests/unit --hypothesis-profile=soak --timeout=0
	$(PYTEST) $(PARALLEL) tests/dynamodb --hypothesis-profile=soak --timeout=0

.PHONY: costs
costs: java .venv/installed ## the units that each operation consumes, as DynamoDB counts them
	@$(PYTHON) benchmarks/costs.py

.PHONY: bench
bench: java .venv/installed .venvs/sam/installed .venvs/runtime/installed .venvs/ministack/installed .venvs/bench/installed ## measure against what users would pick instead; prints Markdown (PARTS="cold warm …" for some of it)
	@$(PYTHON) benchmarks/run.py $(PARTS)

# ---------------------------------------------------------------- housekeeping

.PHONY: schemas
schemas: .venv/installed ## write schemas/ anew from the code's types
	@$(PYTHON) schemas/generate.py

.PHONY: docs
docs: .venv/installed ## write the examples into the pages that show them
	@$(PYTHON) docs/include.py

.PHONY: licences
licences: .venv/installed $(patsubst requirements/%.txt,.venvs/%/installed,$(filter-out %/dev.txt %/uv.txt,$(wildcard requirements/*.txt))) ## print the licences of what is shipped and what is used in development; docs/licences.md keeps them
	@$(PYTHON) requirements/licences.py

.PHONY: requirements
requirements: | uv ## pin every requirements.in anew, with hashes
	for list in layers/*/requirements.in benchmarks/references/*/requirements.in; do \
	  $(COMPILE) --python-platform x86_64-manylinux_2_28 $$list -o $${list%.in}.txt; done
	for list in requirements/*.in; do $(COMPILE) --universal $$list -o $${list%.in}.txt; done

COMPILE = $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.13

.PHONY: clean
clean: ## remove whatever the other targets made
	rm -rf .venv .venvs .cache .aws-sam .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# ---------------------------------------------------------------- environments

.venv/installed: requirements/dev.txt | uv
	@$(INSTALL)

.venvs/%/installed: requirements/%.txt | uv
	@$(INSTALL)

define INSTALL
echo "installing $< into $(@D)"
$(UV) venv --quiet --clear --python 3.13 $(@D)
$(UV) pip sync --quiet --require-hashes --python $(@D) $<
touch $@
endef

.PHONY: uv
uv:
	@if ! [ -x "$(UV)" ]; then \
	  python3.13 -c '' 2>/dev/null || { echo "Python 3.13 is missing: install it as python3.13, or install uv, which fetches it."; exit 1; }; \
	  echo "installing uv into .venvs/uv"; \
	  python3.13 -m venv --clear .venvs/uv; \
	  .venvs/uv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt; \
	fi

.PHONY: java
java: # for DynamoDB Local, which only the tests use
	@for tool in java javac mvn; do \
	  command -v $$tool >/dev/null || { echo "$$tool is missing: the tests need a JDK (17 or newer) and Maven."; exit 1; }; done
