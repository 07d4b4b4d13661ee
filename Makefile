# dev: all of acmd on loopback.  build: bin/acmd.  test: everything CI runs.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: dev build test lint bench

dev: build
	bin/acmd dev $(ARGS)

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/acmd ./cmd/acmd

test:
	scripts/setup-test
	scripts/test

lint:
	scripts/lint

bench:
	@if [ -d bench ]; then go test -run '^$$' -bench . -benchmem ./bench/...; else echo "no benchmarks yet"; fi
