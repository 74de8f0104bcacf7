# Lockbox. `make run` to try it, `make test` to test it, `make help` for the rest.

.DEFAULT_GOAL := help
.PHONY: help build run test check format vet staticcheck layers vuln web bench bench-policy bench-ledger bench-recorder bench-ssh bench-http bench-notify crash fuzz shots clean

ARGS     ?=      # for lockbox dev: make run ARGS="--http 127.0.0.1:9000"
PKG      ?= ./... # for test and bench: make test PKG=./policy/...
FUZZTIME ?= 20s
SHOTS    ?= .pictures

# What is tested without the race detector: its own packages are with it, and these would take three times as long.
plain := /tests/(clients|tamper)$$

# A machine that is halted for a while has its clock set ahead and its disk stand still, and a gateway refuses both: a test
# that failed is run once more when all others are done, and said to be. What fails twice is ours.
tests := go run gotest.tools/gotestsum@v1.13.0 --format standard-quiet --rerun-fails=1 --rerun-fails-max-failures=8 --rerun-fails-run-root-test

staticcheck := honnef.co/go/tools/cmd/staticcheck@v0.8.2
player      := gateway/portal/static/player/asciinema-player.min.js
code        := cmd gateway approvals recorder policy tests

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 16

build: ## the program, as bin/lockbox
	CGO_ENABLED=0 go build -trimpath -o bin/lockbox ./cmd/lockbox

run: ## everything on this machine: gateway, throw-away target, people, and what to try
	@.ci/deps run
	@$(MAKE) --no-print-directory web || echo "Without the player recordings do not play in the browser; 'lockbox play' works."
	@$(MAKE) --no-print-directory build
	@exec bin/lockbox dev $(ARGS)

test: ## all tests, with the race detector; installs what they need
	@.ci/deps test
	@$(MAKE) --no-print-directory web
ifeq ($(origin PKG),file)
	$(tests) --packages "./tests/e2e $$(go list ./... | grep -vE '$(plain)|/tests/e2e$$' | tr '\n' ' ')" -- -race -timeout 25m # the longest first
	$(tests) --packages "$$(go list ./... | grep -E '$(plain)' | tr '\n' ' ')" -- -timeout 25m
else
	go test -race -timeout 25m $(PKG)
endif

check: format vet staticcheck layers vuln ## what a machine can judge without running the program

format:
	@unformatted=$$(gofmt -l $(code)); \
	[ -z "$$unformatted" ] || { echo "gofmt -w these:"; echo "$$unformatted"; exit 1; }

vet:
	go vet ./...

staticcheck:
	go run $(staticcheck) ./...

layers: ## the laws of the house: imports, fences, sizes, versions
	go test -count=1 ./tests

vuln: ## known vulnerabilities in what we call
	@.ci/vuln

web: $(player) ## the player of recordings, from npm

$(player): gateway/portal/web/package-lock.json .ci/web
	@.ci/web

bench: ## all benchmarks
	go test -run '^$$' -bench . -benchmem $(PKG)

bench-policy: ## decisions: with the index and without, and beside Cedar and OPA
	go test -run '^$$' -bench 'Decide|Ready' -benchmem ./policy
	@mkdir -p bin
	cd tests/bench/policy && go run . -json $(CURDIR)/bin/bench-policy.json

bench-ledger: ## appends beside bbolt, the start with a million events, a proof among ten million leaves; 10 GB of disk for a while
	@mkdir -p bin
	go run ./tests/bench/ledger -json $(CURDIR)/bin/bench-ledger.json
	go test -run '^$$' -bench Whole -benchtime 3x -count 3 ./recorder/proof

bench-recorder: ## recording on and off, bytes on disk, seeking in eight hours, live with 50 watchers
	@mkdir -p bin
	go run ./tests/bench/recorder -json $(CURDIR)/bin/bench-recorder.json
	LOCKBOX_BENCH=1 go test -count=1 -run AnHour -v ./tests/bench/recorder
	go test -run '^$$' -bench 'Seek|Live' -benchtime 1x ./recorder

bench-ssh: ## the SSH door beside direct OpenSSH: set-up, bulk, keystrokes, sessions a second, memory
	@.ci/deps test
	@mkdir -p bin
	go run ./tests/bench/ssh -json $(CURDIR)/bin/bench-ssh.json

bench-http: ## the HTTP door beside a bare server, nginx, Caddy and Go's reverse proxy: requests, new connections, idle WebSockets
	@.ci/deps bench-http
	@mkdir -p bin
	go run ./tests/bench/http -json $(CURDIR)/bin/bench-http.json

bench-notify: ## from the event of a request to its arrival, at 50 requests a second
	go test -run '^$$' -bench Notice -benchtime 1x -count 3 ./approvals/notify

crash: ## nothing acknowledged is lost: 500 kill -9, 100 power cuts, each call that can fail; as root, with strace
	@.ci/deps crash
	LOCKBOX_KILLS=500 LOCKBOX_CUTS=100 LOCKBOX_FAULTS=1 LOCKBOX_RECORD_KILLS=200 LOCKBOX_DOOR_KILLS=10 go test -count=1 -timeout 90m -v ./tests/crash

fuzz: ## every fuzz test for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

shots: web ## the pictures of README, into SHOTS
	LOCKBOX_SHOTS=$(CURDIR)/$(SHOTS) go test -count=1 -run '^TestShots$$' ./tests/e2e

clean: ## remove what make built or fetched; what lockbox dev keeps stays
	rm -rf bin gateway/portal/static/player gateway/portal/web/node_modules tests/archive/web/node_modules
