# `make up` starts everything; `make test` runs every test. Both set up what they need, can be
# interrupted and repeated, and are quick the second time.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS ?= never


PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: help up install install-dev web models test lint types check format lock clean

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: install web models ## Set everything up and start the server
	@$(BIN)/visavis up

install: $(VENV)/.installed
$(VENV)/.installed: requirements.lock pyproject.toml
	@scripts/setup_python.sh "$(PYTHON)" $(VENV) requirements.lock
	@touch $@

install-dev: $(VENV)/.installed-dev
$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml
	@scripts/setup_python.sh "$(PYTHON)" $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.installed

web/node_modules/.installed: web/package-lock.json
	@scripts/setup_node.sh web
	@touch $@

web: src/visavis/web_dist/index.html ## Build the page
src/visavis/web_dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	@cd web && npm run --silent build
	@touch $@

models: install ## Fetch and verify the weights
	@$(BIN)/visavis models pull

test: install-dev web ## Run all tests, real browser included
	@$(BIN)/visavis models pull
	@scripts/ensure_chromium.sh
	@cd web && npm run --silent test
	@$(BIN)/pytest $(PYTEST_ARGS)

lint: install-dev ## Style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install-dev web/node_modules/.installed ## Types, Python and TypeScript
	@$(BIN)/mypy
	@cd web && npm run --silent typecheck

check: lint types test ## Everything a change must pass

format: install-dev ## Put the code into the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Renew the locked Python dependencies
	@scripts/lock.sh

clean: ## Remove what was built here (weights stay in the cache)
	@rm -rf $(VENV) .tools web/node_modules src/visavis/web_dist artifacts
