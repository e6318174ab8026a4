# Everything is installed beside this file, each tool in an environment of its own (several pin different versions
# of botocore), and only when its pinned list has changed. Nothing outside this folder is touched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

STACK_NAME ?= sentinel
PYTHON := .venv/bin/python
export PYTHONPATH := layers/sentinel:tests:cli
export SAM_CLI_TELEMETRY := 0
# uv from PATH, else one installed from requirements/uv.txt
UV := $(shell command -v uv || echo .venvs/uv/bin/uv)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# ---------------------------------------------------------------- what a user runs

.PHONY: demo
demo: .venv/installed .venvs/sam/installed .venvs/ministack/installed .cache/wheels/installed ## build, deploy and use the application on an embedded AWS; no account needed
	@$(PYTHON) examples/demo.py

.PHONY: aws
aws: .venv/installed .venvs/sam/installed .venvs/ministack/installed .venvs/docs/installed .cache/wheels/installed ## an embedded AWS that runs until Ctrl-C, to follow the documentation without an account
	@$(PYTHON) examples/embedded_aws.py

.PHONY: deploy
deploy: .venvs/sam/installed .cache/wheels/installed ## build and deploy to the account of your AWS credentials; STACK_NAME=… names the stack, PARAMETERS="Alarms=true …" sets parameters
	@PATH="$(CURDIR)/.venvs/sam/bin:$$PATH"; export PATH; \
	echo "building"; log=$$($(KEPT_WHEELS) sam build 2>&1) || { echo "$$log"; exit 1; }; \
	echo "deploying the stack $(STACK_NAME)"; mkdir -p .cache; \
	sam deploy --stack-name "$(STACK_NAME)" $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS)) > .cache/deploy.log 2>&1 \
	  || { grep -E "FAILED|Error" .cache/deploy.log || cat .cache/deploy.log; echo "all of sam's output: .cache/deploy.log"; exit 1; }; \
	echo "deployed the stack $(STACK_NAME); its outputs:"; \
	awk '$$1 == "Key" { key = $$2 } $$1 == "Value" { value = $$2; next } \
	  value && (!NF || /^-/) { printf "  %-32s %s\n", key, value; value = "" } value { value = value $$1 }' .cache/deploy.log

# `sam build` installs the layers' packages from here, so that only the first build needs a network.
KEPT_WHEELS = PIP_NO_INDEX=1 PIP_FIND_LINKS="file://$(subst $(SPACE),%20,$(CURDIR))/.cache/wheels"
SPACE := $(subst ,, )

# ---------------------------------------------------------------- checks

TEST_PARTS := lint unit dynamodb runtime stack site
PARTS_TO_RUN := $(filter-out $(SKIP),$(TEST_PARTS))

.PHONY: test
test: $(if $(filter dynamodb runtime stack,$(PARTS_TO_RUN)),java) ## all checks, part by part; SKIP="runtime stack" leaves parts out
	@$(if $(filter-out $(TEST_PARTS),$(SKIP)),echo "SKIP: the parts are $(TEST_PARTS)"; exit 1)
	@rm -f .coverage
	@for part in $(PARTS_TO_RUN); do \
	  echo; echo "== $$part ($$((SECONDS / 60)) min $$((SECONDS % 60)) s so far; parts: $(PARTS_TO_RUN))"; \
	  $(MAKE) --no-print-directory $$part; \
	done; \
	$(if $(filter-out $(PARTS_TO_RUN),unit dynamodb),,$(PYTHON) -m coverage report --skip-covered;) \
	echo "== passed in $$((SECONDS / 60)) min $$((SECONDS % 60)) s: $(PARTS_TO_RUN)"

.PHONY: lint
lint: .venv/installed .venvs/sam/installed ## ruff, mypy --strict, cfn-lint
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy layers/sentinel/sentinel functions tests examples benchmarks schemas cli
	.venvs/sam/bin/cfn-lint template.yaml examples/*.yaml

PYTEST = $(PYTHON) -m pytest
# The runtime and stack tests run the deployed code in processes of its own, which coverage does not measure.
COVERED = $(PYTEST) --cov --cov-append --cov-report= --cov-fail-under=0
PARALLEL = --numprocesses auto --maxprocesses 4 --dist worksteal
BY_FILE = --numprocesses auto --maxprocesses 2 --dist loadfile

.PHONY: unit
unit: .venv/installed .venvs/sam/installed ## rules and plans, with moto and hypothesis
	$(COVERED) $(PARALLEL) tests/unit

.PHONY: dynamodb
dynamodb: java .venv/installed ## tests that need DynamoDB's own semantics, on DynamoDB Local
	$(COVERED) $(PARALLEL) tests/dynamodb

.PHONY: runtime
runtime: java .venv/installed .venvs/sam/installed .cache/wheels/installed .venvs/runtime/installed ## the built functions behind the Lambda runtime emulator
	$(PYTEST) tests/runtime

.PHONY: stack
stack: java .venv/installed .venvs/sam/installed .cache/wheels/installed .venvs/ministack/installed .venvs/docs/installed ## the application, deployed by SAM on an embedded AWS
	$(PYTEST) $(BY_FILE) tests/stack

.PHONY: site
site: ## the documentation as a website, in .cache/site, checked in a real browser; needs Node.js, Linux x86-64 only
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory site-built; \
	else echo "skipped: the site needs Node.js 20 or newer, which is missing"; fi

.PHONY: site-built
site-built: .venv/installed .venvs/site/installed .cache/node/installed
	.venvs/site/bin/mkdocs build --strict --quiet
	$(PYTEST) tests/site

.PHONY: oldest
oldest: | uv ## the command line on the oldest Python and with the oldest packages that it allows
	@$(UV) venv --quiet --clear --python 3.12 .venvs/oldest
	@$(UV) pip install --quiet --resolution lowest-direct --python .venvs/oldest -r requirements/oldest.in -r pyproject.toml
	@$(UV) pip list --quiet --python .venvs/oldest
	PYTHONPATH=cli:tests .venvs/oldest/bin/python -m pytest --noconftest -p oldest_click --timeout 60 $(OF_THE_COMMAND_LINE)

OF_THE_COMMAND_LINE = $(foreach name,command_line picture plan_command template_values,tests/unit/test_$(name).py)

.PHONY: soak
soak: java .venv/installed ## the property tests for hours instead of minutes
	$(PYTEST) $(PARALLEL) tests/unit --hypothesis-profile=soak --timeout=0
	$(PYTEST) $(PARALLEL) tests/dynamodb --hypothesis-profile=soak --timeout=0

.PHONY: costs
costs: java .venv/installed ## the units that each operation consumes, as DynamoDB counts them
	@PYTHONPATH=$(PYTHONPATH):functions/table_provisioner $(PYTHON) benchmarks/costs.py

.PHONY: bench
bench: java .venv/installed .venvs/sam/installed .venvs/runtime/installed .venvs/ministack/installed .venvs/bench/installed ## measure against the alternatives; prints Markdown (PARTS="cold warm …" runs some parts)
	@$(PYTHON) benchmarks/run.py $(PARTS)

# ---------------------------------------------------------------- housekeeping

.PHONY: schemas
schemas: .venv/installed ## write schemas/ from the code's types
	@$(PYTHON) schemas/generate.py

.PHONY: docs
docs: .venv/installed ## write the examples into the pages that show them
	@$(PYTHON) docs/include.py

.PHONY: recording
recording: .venv/installed .venvs/sam/installed .venvs/ministack/installed .cache/wheels/installed ## run the demo, and write docs/demo.svg from its output
	@$(PYTHON) examples/recording.py

.PHONY: licences
licences: .venv/installed $(patsubst requirements/%.txt,.venvs/%/installed,$(filter-out %/dev.txt %/uv.txt,$(wildcard requirements/*.txt))) ## print the licences of the shipped packages and of those used in development; docs/licences.md keeps them
	@$(PYTHON) requirements/licences.py

.PHONY: requirements
requirements: | uv ## pin every requirements.in again, with hashes
	for list in layers/*/requirements.in benchmarks/references/*/requirements.in; do \
	  $(COMPILE) --python-platform x86_64-manylinux_2_28 $$list -o $${list%.in}.txt; done
	for list in $(filter-out %/oldest.in,$(wildcard requirements/*.in)); do $(COMPILE) --universal $$list -o $${list%.in}.txt; done

COMPILE = $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.13

.PHONY: wheel
wheel: | uv ## the command line as a wheel, in .aws-sam/dist
	@$(UV) build --quiet --wheel --out-dir .aws-sam/dist

.PHONY: package
package: .venvs/sam/installed ## .aws-sam/packaged.yaml for the Serverless Application Repository; see CONTRIBUTING.md
	@PATH="$(CURDIR)/.venvs/sam/bin:$$PATH"; export PATH; \
	sam build && sam package --resolve-s3 --output-template-file .aws-sam/packaged.yaml; \
	sed -i -E 's|^( *)ReadmeUrl:.*|&\n\1HomePageUrl: $(REPOSITORY_URL)\n\1SourceCodeUrl: $(REPOSITORY_URL)|' .aws-sam/packaged.yaml

REPOSITORY_URL ?= $(shell git config remote.origin.url)

.PHONY: clean
clean: ## remove everything that the other targets made
	rm -rf .venv .venvs .cache .aws-sam .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache cdk.out
	rm -rf examples/*/cdk.out examples/*/node_modules
	find . -name __pycache__ -prune -exec rm -r {} +

# ---------------------------------------------------------------- environments

.venv/installed: requirements/dev.txt | uv
	@$(INSTALL)

.venvs/%/installed: requirements/%.txt | uv
	@$(INSTALL)

.cache/wheels/installed: $(wildcard layers/*/requirements.txt) | .venvs/sam/installed
	@echo "downloading the layers' packages into $(@D)"
	@mkdir -p $(@D)
	@for list in $^; do for machine in x86_64 aarch64; do \
	  .venvs/sam/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --requirement $$list \
	    --platform manylinux_2_28_$$machine --platform manylinux2014_$$machine --implementation cp --python-version 3.13 \
	    --only-binary :all: --dest $(@D); done; done
	@touch $@

.cache/node/installed: docs/site/package-lock.json
	@echo "installing $< into $(@D)"
	@mkdir -p $(@D) && cp docs/site/package.json docs/site/package-lock.json $(@D)
	@cd $(@D) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

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
	  command -v $$tool >/dev/null || { echo "$$tool is missing: the tests need a JDK (17 or newer) and Maven."; exit 1; }; done; \
	version=$$(java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p'); \
	[ "$${version:-0}" -ge 17 ] || { echo "java is version $${version:-unknown}: the tests need a JDK 17 or newer."; exit 1; }
