# `make help` lists every target. Each target does its own set-up; an interrupted one continues when called again.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin/python
AMX := $(RUN) -m amx

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp says nothing of a Python that the system has taken away or replaced since: then it is made anew.
WORKS := $(shell { $(RUN) -c 'import pip; print("yes")'; } 2>/dev/null)

FORCE:

$(READY): requirements-dev.lock pyproject.toml tools/setup.sh $(if $(WORKS),,FORCE)
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)

.PHONY: setup
setup: $(READY) ## Create .venv from the hashed locks (PYTHON=python3.12 chooses the interpreter)

.PHONY: check
check: $(READY) ## Everything that needs no cluster: lint, types, contracts, spelling, pure tests
	@$(RUN) -m tools.verify check

.PHONY: test
test: $(READY) ## Everything: check, charts, real API server, kind cluster
	@$(RUN) -m tools.verify test

.PHONY: demo
demo: $(READY) ## Bring the cluster up and tell the platform's story on it
	@$(AMX) up || [ $$? = 3 ]  # 3: an application of the user's is not well, which is no reason to tell no story
	@$(AMX) demo

.PHONY: bench
bench: $(READY) ## Measure the figures and write docs/benchmarks.md (AREAS="rules plan": only these)
	@$(RUN) -m tests.benchmarks $(AREAS)

.PHONY: up
up: $(READY) ## Bring the local cluster up, or up to date
	@$(AMX) up

.PHONY: down
down: $(READY) ## Remove the local cluster; the cache stays
	@$(AMX) down

.PHONY: status
status: $(READY) ## What runs, and is it fine
	@$(AMX) status

.PHONY: doctor
doctor: $(READY) ## What is missing or unhealthy, and the command that mends it
	@$(AMX) doctor

.PHONY: fmt
fmt: $(READY) ## Format, and mend what ruff can mend
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

.PHONY: crds
crds: $(READY) ## Write the charts' CRDs from the models
	@$(RUN) -m operators.crds

.PHONY: docs-check
docs-check: $(READY) ## Check the links, commands and settings that the documentation names
	@$(RUN) -m tools.docs

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew into the hashed locks, without what is younger than a week
	@BEFORE="$(BEFORE)" sh tools/lock.sh $(RUN)

.PHONY: clean
clean: ## Remove what was made in this checkout; a running cluster and the cache stay
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
