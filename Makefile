# Part of Lockstep. See LICENSE.

SWIFT ?= swift
PREFIX ?= /usr/local
RELEASE = -c release --static-swift-stdlib
SOURCES = Package.swift Sources Tests Fuzz $(wildcard Benchmarks)
SCRIPTS = $(wildcard scripts/*) .ci/run

.PHONY: demo test soak bench build install lint format clean

# From an empty machine to a graph that follows a database, live; see scripts/demo.
demo:
	@scripts/demo

# Everything, against servers that the tests start themselves. FILTER=Name runs a part.
test:
	@scripts/test $(if $(FILTER),--filter "$(FILTER)")

# Random schemas and workloads, and kill -9 under load, for so many minutes on each graph server; see
# Tests/EndToEndTests/RandomProofTests.swift. Seeds are printed; LOCKSTEP_SEED=n repeats one.
MINUTES ?= 10
soak:
	@LOCKSTEP_SOAK=$(MINUTES) scripts/test --filter "random proof|under load"

# The figures of the documentation. BENCH=latency runs one of them.
bench:
	@scripts/bench $(BENCH)

build:
	@scripts/install-dependencies
	$(SWIFT) build $(RELEASE) --product lockstep

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 "$$($(SWIFT) build $(RELEASE) --show-bin-path)/lockstep" "$(DESTDIR)$(PREFIX)/bin/lockstep"

lint:
	$(SWIFT) format lint --strict --recursive $(SOURCES)
	shellcheck $(SCRIPTS)

format:
	$(SWIFT) format --in-place --recursive $(SOURCES)

clean:
	$(SWIFT) package clean
