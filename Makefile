# Composa's few words. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 1
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO      ?= go
PACKAGES = ./...

.PHONY: help demo build test prove faults check bench generate parts

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

test: parts ## every test, at small counts, with the race detector
	$(GO) test -race -timeout 12m $(PACKAGES)
	@internal/tools/parts --skipped

prove: parts ## the same tests at the counts that prove the promises (long)
	COMPOSA_PROVE=1 $(GO) test -race -count=1 -timeout 120m $(PACKAGES)

faults: ## every failure of a director at each call of compose, plug, move and free: a table of what it leaves
	COMPOSA_PROVE=1 $(GO) test -count=1 -timeout 180m ./internal/damage -run '^TestTable$$' -v

check: ## what a change must pass: format, vet, staticcheck, generated files, tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet $(PACKAGES)
	cd internal/tools && $(GO) build -o ../../.tools/staticcheck honnef.co/go/tools/cmd/staticcheck
	.tools/staticcheck $(PACKAGES)
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code --stat -- api docs || { echo "generated files are stale: commit what make generate made"; exit 1; }
	@$(MAKE) --no-print-directory test

generate: ## rebuild everything derived (the OpenAPI document)
	$(GO) generate $(PACKAGES)

bench: ## measure, print a table, write bench.json
	$(GO) run ./internal/bench
