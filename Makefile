# The first build compiles all of Caddy, which takes several minutes. All targets
# use the same flags, so that build, run and test share one build cache; export
# the same GOFLAGS when you call go directly.
flags := -buildvcs=false -trimpath -tags=nobadger,nomysql,nopgx
export GOFLAGS := $(strip $(filter-out $(flags),$(GOFLAGS)) $(flags))

# How long each fuzz target runs: 5s under make test, where 0 skips them, and 1h
# under make fuzz, unless set.
FUZZTIME ?= 5s
# How long make soak runs. The seed of an earlier run repeats its plan.
SOAK_TIME ?= 3m
SOAK_SEED ?=
# Which benchmarks make bench runs, and how many times.
BENCH ?= .
COUNT ?= 1

# Directories of the Go modules.
modules := . tools internal/clienttest/tools

# go test with progress reports. Targets that use it depend on gotest.
gotest := bin/gotest

.PHONY: help run build gotest test test-clients fuzz soak screenshots lint fmt bench bench-gateway

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not go run, which leaves its program running on SIGTERM.
run: ## try the gateway: JIRA=https://… ACCOUNT=basic:USER|bearer (secret in the environment: JIRA_SECRET), REDIS=redis://…
ifeq ($(origin JIRA_SECRET),command line)
	$(error JIRA_SECRET must be set in the environment, to keep it out of process lists: JIRA_SECRET=… make run …)
endif
	@.ci/patiently 'run: compiling the quickstart' go build -o bin/quickstart ./examples/quickstart
	@exec bin/quickstart

build: ## build bin/caddy with the Caddy and the plugins of xcaddy.json
	@.ci/patiently 'build: compiling xcaddy' go -C tools build -o ../bin/build ./build
	@exec bin/build

gotest:
	@.ci/patiently 'test: compiling tools/gotest' go -C tools build -o ../bin/gotest ./gotest

# The tests come last, so that the output ends with go test's summary.
test: gotest ## all tests with the race detector, every fuzz target for FUZZTIME (5s)
	@.ci/prepare
	@echo 'test: the first run compiles all of Caddy twice, without and with the race detector, which takes minutes each'
	@[ '$(FUZZTIME)' = 0 ] || .ci/fuzz '$(FUZZTIME)'
	cd tools && ../$(gotest) ./...
	$(gotest) -race -timeout=25m ./...

test-clients: gotest ## real Jira clients, directly against the stand-in Jira and through the gateway
	@.ci/prepare
	$(gotest) -count=1 -v -run=TestClients ./internal/clienttest ./internal/gatewaytest

fuzz: gotest ## every fuzz target for an hour each: FUZZTIME=10m
	@.ci/prepare
	@.ci/fuzz '$(if $(filter file,$(origin FUZZTIME)),1h,$(FUZZTIME))'

soak: gotest ## gateways under load while tokens change, configurations reload and Redis fails, at random: SOAK_TIME=3m SOAK_SEED=1
	@.ci/prepare
	SOAK_TIME='$(SOAK_TIME)' SOAK_SEED='$(SOAK_SEED)' $(gotest) -count=1 -v -timeout=0 -run='TestSoak$$' ./internal/gatewaytest

screenshots: gotest ## the pictures of docs/images, from make run and Chromium
	@.ci/prepare
	SCREENSHOTS='$(CURDIR)/docs/images' $(gotest) -count=1 -v -run='TestFirstLook$$' ./examples/quickstart

lint: ## golangci-lint, gofmt, go.mod and go.sum up to date
	@echo 'lint: golangci-lint (the first run compiles it, which takes several minutes)'
	@linter=$$(.ci/patiently 'lint: compiling golangci-lint' go -C tools tool -n golangci-lint) && .ci/patiently lint "$$linter" run ./... && cd tools && "$$linter" run -c ../.golangci.yml ./...
	@echo 'lint: gofmt'
	@files=$$(gofmt -l .) && [ -z "$$files" ] || { echo "not formatted; run make fmt: $$files"; exit 1; }
	@for dir in $(modules); do echo "lint: go mod tidy -diff in $$dir"; go -C $$dir mod tidy -diff || exit 1; done

fmt: ## format the code for lint
	@linter=$$(go -C tools tool -n golangci-lint) && "$$linter" fmt ./...

bench: ## run the benchmarks: BENCH=regexp COUNT=6
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 60m ./...

bench-gateway: ## measure whole gateways from outside, see bench/README.md: ARGS='-rounds 5 compare'
	@go build -o bin/bench ./bench
	@exec bin/bench $(ARGS)
