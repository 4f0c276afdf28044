# Chronus. `make` lists the targets. It needs Linux, GNU make and Go, and uses
# git and a C compiler if they are installed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help deps build run test verify soak compare bench mutants lint fuzz clean

GO ?= go

# Pinned, so that a tree that is clean stays clean until a version is changed.
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

ARGS     ?=
BASE     ?= HEAD
BENCH    ?= .
COUNT    ?= 1
FUZZTIME ?= 10s

ifneq ($(shell uname -s),Linux)
$(error Linux 5.16 or newer is required: no other system has memfd, pidfd, robust futexes and futex_waitv)
endif

# Checked only for the targets that compile something. The output of go itself
# is shown, since it may be unable to fetch the toolchain that go.mod names.
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
GOVERSION := $(shell $(GO) env GOVERSION 2>&1 | head -n 1)
ifeq ($(shell v='$(GOVERSION)'; v=$${v#go1.}; test "$${v%%[!0-9]*}" -ge 26 2>/dev/null && echo ok),)
$(error Go 1.26 or newer is required; "$(GO) env GOVERSION" prints: $(or $(GOVERSION),nothing))
endif
endif

# The build id, on which the executables must agree to share memory. If there
# is no git, or if git refuses, they are built without one.
BUILD_ID := $(or $(shell git describe --always --dirty 2>/dev/null),unversioned)
VCS      := $(if $(filter unversioned,$(BUILD_ID)),false,true)
LDFLAGS  := -X chronus/engine/internal/shm.Build=$(BUILD_ID)
PROGRAMS := ./cmd/chronus ./cmd/chronus-worker ./cmd/chronus-player

# GOAMD64=v1, because v3 fuses multiply-adds: two machines would then render
# different bits.
export GOAMD64 := v1
export CGO_ENABLED := 0

BUILD := $(GO) build -trimpath -buildvcs=$(VCS)

# The player for sound devices is the only program that needs C: a compiler,
# pkg-config and PortAudio's headers.
PKG_CONFIG ?= pkg-config
PORTAUDIO  := $(shell $(PKG_CONFIG) --exists portaudio-2.0 2>/dev/null && \
	echo '\#include <portaudio.h>' | $(CC) $$($(PKG_CONFIG) --cflags portaudio-2.0) -x c -E - >/dev/null 2>&1 && echo yes)

help: ## List the targets
	@sed -n 's/^\([a-z]*\): .*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name doc; do \
		printf 'make %-9s %s\n' "$$name" "$$doc"; done

deps: ## Install PortAudio's headers, and a sound server for the tests, with apt-get or dnf, as root
	sh ci/deps.sh

build: ## Build bin/: chronus, worker and player, also with failpoints; chronus-portaudio if PortAudio's headers are installed
	@mkdir -p bin/failpoints
	$(BUILD) -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS)
	$(BUILD) -ldflags '$(LDFLAGS)' -tags failpoints -o bin/failpoints/ $(PROGRAMS)
ifeq ($(PORTAUDIO),yes)
	CGO_ENABLED=1 $(BUILD) -ldflags '$(LDFLAGS)' -tags portaudio -o bin/ ./cmd/chronus-portaudio
else
	@echo 'not building chronus-portaudio, which plays on sound devices: PortAudio'\''s headers are not installed (make deps installs them)'
endif

run: build ## Run the engine with a voice that plays a phrase until commands arrive; ARGS='--patch steps --verbose' passes flags
	CHRONUS_PATCH="$${CHRONUS_PATCH:-voice}" CHRONUS_IDLE_PHRASE="$${CHRONUS_IDLE_PHRASE:-true}" bin/chronus run $(ARGS)

verify: build ## Kill workers of running engines and check every frame; ARGS='--run kill-both' passes flags
	bin/chronus verify $(ARGS)

soak: build ## Kill at random as fast as the engine mends: ten thousand kills, or as many as 20 minutes allow
	bin/chronus verify --profile soak $(ARGS)

compare: build ## Verify this tree and another revision in turns, and judge the difference; BASE=REV RUNS=10
	@MAKE='$(MAKE)' sh ci/compare.sh '$(BASE)'

# The race detector needs cgo, and cgo a C compiler that finds its headers.
# Unless atexit_sleep_ms is set, every test binary sleeps for a second at exit.
test: ## Run every Go test, under the race detector if there is a C compiler
	@if echo '#include <pthread.h>' | $(CC) -x c -E - >/dev/null 2>&1; then \
		race=-race; export CGO_ENABLED=1 CC='$(CC)' GORACE="$$GORACE atexit_sleep_ms=0"; \
	else race=; echo 'no C compiler ($(CC)): running the tests without the race detector'; fi; \
	set -x; $(GO) test $$race -count=1 $(ARGS) ./...

bench: ## Run the Go benchmarks, in the format that benchstat reads; BENCH=REGEXP COUNT=10
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(ARGS) ./...

mutants: ## Plant bugs in the engine, one at a time, and check that each is caught
	$(GO) run ./cmd/mutants $(ARGS)

lint: ## Run gofumpt, go vet, staticcheck, govulncheck and a check of comment width; any finding fails
	@unformatted=$$($(GO) run $(GOFUMPT) -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo 'gofumpt: these are not formatted:'; echo "$$unformatted"; exit 1; fi
	@sh ci/comments.sh
	$(GO) vet ./...
	$(GO) vet -tags failpoints ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags failpoints ./...
ifeq ($(PORTAUDIO),yes)
	CGO_ENABLED=1 $(GO) vet -tags portaudio ./engine/sink/... ./cmd/chronus-portaudio
	CGO_ENABLED=1 $(GO) run $(STATICCHECK) -tags portaudio ./engine/sink/... ./cmd/chronus-portaudio
endif
	@GO='$(GO)' sh ci/govulncheck.sh $(GOVULNCHECK)

fuzz: ## Run every fuzz target for FUZZTIME=10s
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' cmd engine harness scenarios | \
	sed 's|^\(.*\)/[^/]*:func \(.*\)$$|\1 \2|' | sort | { status=0; while read -r dir name; do \
		echo "$$dir $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$dir" </dev/null || status=1; \
	done; exit $$status; }

clean: ## Remove bin/ and the latest results
	rm -rf bin results/latest
