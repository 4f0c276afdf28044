# Chronus. `make` lists the targets. Needs Linux, GNU make and Go; git and a C compiler are used where they are there.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help deps build run test verify soak compare bench mutants lint fuzz clean

GO ?= go

# Pinned, so that a clean tree stays clean until somebody moves them.
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

ARGS     ?=
BASE     ?= HEAD
BENCH    ?= .
COUNT    ?= 1
FUZZTIME ?= 10s

ifneq ($(shell uname -s),Linux)
$(error Linux 5.16 or newer only: Chronus stands on memfd, pidfd, robust futexes and futex_waitv, which no other system has)
endif

# Asked only for the targets that compile something. What go itself says is shown: it may be that the toolchain named in
# go.mod cannot be fetched.
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
GOVERSION := $(shell $(GO) env GOVERSION 2>&1 | head -n 1)
ifeq ($(shell v='$(GOVERSION)'; v=$${v#go1.}; test "$${v%%[!0-9]*}" -ge 26 2>/dev/null && echo ok),)
$(error Go 1.26 or newer is needed; "$(GO) env GOVERSION" says: $(or $(GOVERSION),nothing))
endif
endif

# What the three executables must agree on to share memory. Without git, or where git refuses, they are built all the same.
BUILD_ID := $(or $(shell git describe --always --dirty 2>/dev/null),unversioned)
VCS      := $(if $(filter unversioned,$(BUILD_ID)),false,true)
LDFLAGS  := -X chronus/engine/internal/shm.Build=$(BUILD_ID)
PROGRAMS := ./cmd/chronus ./cmd/chronus-worker ./cmd/chronus-player

# GOAMD64=v1 because v3 fuses multiply-adds, and then two machines would not make the same bits.
export GOAMD64 := v1
export CGO_ENABLED := 0

BUILD := $(GO) build -trimpath -buildvcs=$(VCS)

# The player for sound devices is the one program that needs C: a compiler, pkg-config and PortAudio's headers.
PKG_CONFIG ?= pkg-config
PORTAUDIO  := $(shell $(PKG_CONFIG) --exists portaudio-2.0 2>/dev/null && \
	echo '\#include <portaudio.h>' | $(CC) $$($(PKG_CONFIG) --cflags portaudio-2.0) -x c -E - >/dev/null 2>&1 && echo yes)

help: ## List the targets
	@sed -n 's/^\([a-z]*\): .*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name doc; do \
		printf 'make %-9s %s\n' "$$name" "$$doc"; done

deps: ## Install what sound needs: PortAudio's headers, a sound server for the tests (apt-get or dnf; as root)
	sh ci/deps.sh

build: ## Build bin/chronus and what it starts, chronus-portaudio where there are PortAudio's headers, and the static three with failpoints
	@mkdir -p bin/failpoints
	$(BUILD) -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS)
	$(BUILD) -ldflags '$(LDFLAGS)' -tags failpoints -o bin/failpoints/ $(PROGRAMS)
ifeq ($(PORTAUDIO),yes)
	CGO_ENABLED=1 $(BUILD) -ldflags '$(LDFLAGS)' -tags portaudio -o bin/ ./cmd/chronus-portaudio
else
	@echo 'without chronus-portaudio, so without a sound device: no headers of PortAudio here (make deps installs them)'
endif

run: build ## Run the engine with the patch voice and a phrase until somebody plays; ARGS='--patch steps --verbose' passes flags
	CHRONUS_PATCH="$${CHRONUS_PATCH:-voice}" CHRONUS_IDLE_PHRASE="$${CHRONUS_IDLE_PHRASE:-true}" bin/chronus run $(ARGS)

verify: build ## Kill workers of a running engine and check every frame; ARGS='--run kill-both' passes flags
	bin/chronus verify $(ARGS)

soak: build ## Ten thousand kills by lot, as fast as the engine mends, for 20 minutes at most
	bin/chronus verify --profile soak $(ARGS)

compare: build ## This tree against another revision, in turn, through the gate; BASE=REV RUNS=10
	@MAKE='$(MAKE)' sh ci/compare.sh '$(BASE)'

# The race detector needs cgo, and cgo a C compiler that finds its headers. Without being told it sleeps a second at the end of every
# test binary, idly.
test: ## Every Go test, under the race detector where there is a C compiler
	@if echo '#include <pthread.h>' | $(CC) -x c -E - >/dev/null 2>&1; then \
		race=-race; export CGO_ENABLED=1 CC='$(CC)' GORACE="$$GORACE atexit_sleep_ms=0"; \
	else race=; echo 'no C compiler here ($(CC)): running the tests without the race detector'; fi; \
	set -x; $(GO) test $$race -count=1 $(ARGS) ./...

bench: ## The Go benchmarks, in the format that benchstat reads; BENCH=REGEXP COUNT=10
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(ARGS) ./...

mutants: ## Plant bugs in the engine, one at a time, and see each of them caught
	$(GO) run ./cmd/mutants $(ARGS)

lint: ## gofumpt, go vet, staticcheck and govulncheck; any finding fails
	@unformatted=$$($(GO) run $(GOFUMPT) -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo 'gofumpt: these are not formatted:'; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags failpoints ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags failpoints ./...
ifeq ($(PORTAUDIO),yes)
	CGO_ENABLED=1 $(GO) vet -tags portaudio ./engine/sink/... ./cmd/chronus-portaudio
	CGO_ENABLED=1 $(GO) run $(STATICCHECK) -tags portaudio ./engine/sink/... ./cmd/chronus-portaudio
endif
	@GO='$(GO)' sh ci/govulncheck.sh $(GOVULNCHECK)

fuzz: ## Every fuzz target for FUZZTIME=10s
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' cmd engine harness scenarios | \
	sed 's|^\(.*\)/[^/]*:func \(.*\)$$|\1 \2|' | sort | { status=0; while read -r dir name; do \
		echo "$$dir $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$dir" </dev/null || status=1; \
	done; exit $$status; }

clean: ## Remove what was built and the latest results
	rm -rf bin results/latest
