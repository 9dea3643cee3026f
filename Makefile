# Composa's few words. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 1
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO      ?= go
PACKAGES = ./...

PYTHON  = ../.tools/venv/bin/python

.PHONY: help demo build wheels test prove faults check lint bench generate parts venv web lab browser test-go test-python test-web

help: ## list these words
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

build: ## build bin/composa
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/composa ./cmd/composa

demo: ## build, then run three emulated racks and the server until Ctrl-C
	@echo "building bin/composa (the first time takes a minute or two) …"
	@$(MAKE) --no-print-directory build
	@exec bin/composa demo

parts: # what the tests need beside Go: installed where that is possible, named where not
	@internal/tools/parts

venv: parts # .tools/venv, for the Python module and its tests
	@internal/tools/parts python

web: parts # web/node_modules, for the pictures and their tests
	@internal/tools/parts web

lab: venv # .tools/lab: JupyterLab and what drives a browser (the browser itself is the system's: apt-get install chromium)
	@[ -x .tools/lab/bin/python ] || .tools/venv/bin/python -m venv .tools/lab
	@.tools/lab/bin/pip install -q -e './python[notebook]' jupyterlab==4.6.6 playwright==1.65.2 $$(grep -E '^(pytest|pytest-asyncio|hypothesis|nbclient)==' python/requirements.txt)

browser: lab build ## notebooks in a real JupyterLab in a real Chromium; COMPOSA_SHOTS=DIR keeps the screenshots
	@cd python && COMPOSA_BROWSER=1 ../.tools/lab/bin/python -m pytest -q tests/test_browser.py

test: ## every test, at small counts, with the race detector
	@$(MAKE) --no-print-directory -j3 test-go test-python test-web
	@internal/tools/parts --skipped

test-go: parts
	$(GO) test -race -timeout 12m $(PACKAGES)

test-python: venv build
	@if [ -x .tools/venv/bin/pytest ]; then cd python && $(PYTHON) -m pytest -q -n 3 --dist worksteal; fi

test-web: web
	@if [ -d web/node_modules ]; then npm --prefix web test --silent; fi

wheels: build venv ## build bin/composa and python/dist: the module, and the module with the binary inside
	@cd python && $(PYTHON) build_wheels.py

prove: parts ## the same tests at the counts that prove the promises (long)
	COMPOSA_PROVE=1 $(GO) test -race -count=1 -timeout 120m $(PACKAGES)
	@COMPOSA_PROVE=1 $(MAKE) --no-print-directory test-web test-python browser

faults: ## every failure of a director at each call of compose, plug, move and free: a table of what it leaves
	COMPOSA_PROVE=1 $(GO) test -count=1 -timeout 180m ./internal/damage -run '^TestTable$$' -v

check: ## what a change must pass: format, vet, staticcheck, ruff, mypy, generated files, tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet $(PACKAGES)
	cd internal/tools && $(GO) build -o ../../.tools/staticcheck honnef.co/go/tools/cmd/staticcheck
	.tools/staticcheck $(PACKAGES)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code --stat -- api docs python/src || { echo "generated files are stale: commit what make generate made"; exit 1; }
	@$(MAKE) --no-print-directory test

lint: venv web # what a change of the Python module and the pictures must pass beside its tests
	cd python && $(PYTHON) -m ruff check && $(PYTHON) -m ruff format --check --quiet && $(PYTHON) -m mypy
	npm --prefix web run check --silent

generate: venv web ## rebuild everything derived (the OpenAPI document, the Python models, the sync module, the pictures)
	$(GO) generate $(PACKAGES)
	cd python && $(PYTHON) generate.py
	npm --prefix web run build --silent

bench: build venv ## measure, print a table, write bench.json
	$(GO) run ./internal/bench -also 'env -C python $(PYTHON) -m tests.bench'
