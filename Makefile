# The first build compiles all of Caddy, some minutes. Everything below uses
# the same flags, so that one build cache serves build, run and test: whoever
# calls go directly does well to export this GOFLAGS too.
flags := -buildvcs=false -trimpath -tags=nobadger,nomysql,nopgx
export GOFLAGS := $(strip $(filter-out $(flags),$(GOFLAGS)) $(flags))

# How long each fuzz target runs under make test; 0 for not at all.
FUZZTIME ?= 5s
# How long make soak runs; the seed of an earlier run repeats its plan.
SOAK_TIME ?= 3m
SOAK_SEED ?=
# What make bench runs, and how often.
BENCH ?= .
COUNT ?= 1

# Directories of the Go modules.
modules := . tools internal/clienttest/tools

# go test that says what it is doing; bin/gotest must have been built.
gotest := bin/gotest

.PHONY: help run build gotest test test-clients soak lint fmt bench bench-gateway

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not exec'd by go run, which would leave its program behind on SIGTERM.
run: ## try the gateway: JIRA=https://… ACCOUNT=basic:USER|bearer (secret in the environment: JIRA_SECRET), REDIS=redis://…
ifeq ($(origin JIRA_SECRET),command line)
	$(error JIRA_SECRET belongs in the environment, where no process list shows it: JIRA_SECRET=… make run …)
endif
	@.ci/patiently 'run: compiling the quickstart' go build -o bin/quickstart ./examples/quickstart
	@exec bin/quickstart

build: ## build bin/caddy with the Caddy and the plugins of xcaddy.json
	@.ci/patiently 'build: compiling xcaddy' go -C tools build -o ../bin/build ./build
	@exec bin/build

gotest:
	@.ci/patiently 'test: compiling tools/gotest' go -C tools build -o ../bin/gotest ./gotest

# The tests come last, so that go test's summary of them ends the output.
test: gotest ## all tests with the race detector, every fuzz target for FUZZTIME (5s)
	@.ci/prepare
	@echo 'test: the first time, all of Caddy is compiled, plainly and for the race detector: minutes each'
	@[ '$(FUZZTIME)' = 0 ] || .ci/fuzz '$(FUZZTIME)'
	cd tools && ../$(gotest) ./...
	$(gotest) -race -timeout=25m ./...

test-clients: gotest ## real Jira clients, straight at the stand-in Jira and through the gateway
	@.ci/prepare
	$(gotest) -count=1 -v -run=TestClients ./internal/clienttest ./internal/gatewaytest

soak: gotest ## gateways under load while tokens change, configurations reload and Redis fails, at random: SOAK_TIME=3m SOAK_SEED=1
	@.ci/prepare
	SOAK_TIME='$(SOAK_TIME)' SOAK_SEED='$(SOAK_SEED)' $(gotest) -count=1 -v -timeout=0 -run='TestSoak$$' ./internal/gatewaytest

lint: ## golangci-lint, gofmt, go.mod and go.sum up to date
	@echo 'lint: golangci-lint (the first time it is compiled, some minutes)'
	@linter=$$(.ci/patiently 'lint: compiling golangci-lint' go -C tools tool -n golangci-lint) && .ci/patiently lint "$$linter" run ./... && cd tools && "$$linter" run -c ../.golangci.yml ./...
	@echo 'lint: gofmt'
	@files=$$(gofmt -l .) && [ -z "$$files" ] || { echo "not formatted, make fmt does it: $$files"; exit 1; }
	@for dir in $(modules); do echo "lint: go mod tidy -diff in $$dir"; go -C $$dir mod tidy -diff || exit 1; done

fmt: ## format the code as lint wants it
	@linter=$$(go -C tools tool -n golangci-lint) && "$$linter" fmt ./...

bench: ## run the benchmarks: BENCH=regexp COUNT=6
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 60m ./...

bench-gateway: ## measure whole gateways from outside, see bench/README.md: ARGS='-rounds 5 compare'
	@go build -o bin/bench ./bench
	@exec bin/bench $(ARGS)
