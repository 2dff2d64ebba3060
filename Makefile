# A thin door to CMake. Every target works on a fresh clone by itself: it first installs what is missing (ci/setup), which
# takes no time when nothing is. `make help` lists them.

PREFIX ?= /usr/local
SECONDS_PER_TARGET ?= 20

.DEFAULT_GOAL := release
.PHONY: release dev demo check chaos bench install asan tsan fuzz docs format clean help

release: ## build the program into build/release
	@ci/setup run
	@ci/build release stead

dev: release ## start Stead with its own nats-server and all examples, and stay
	@build/release/stead dev examples

demo: release ## the same, call each example once by gRPC and by NATS, print a table, stop
	@ci/demo

check: ## build and run all tests and checks
	@ci/setup test
	@ci/check

chaos: ## hurt real processes for 20 minutes with one broker and 20 with three; docs/internals/chaos-runs.md says how it went
	@ci/setup test
	@ci/build release
	@tests/chaos/long

bench: ## measure, ours beside a baseline that does the same hops without Stead
	@ci/setup test
	@ci/build release
	@bench/run

install: release ## install into PREFIX (/usr/local) below DESTDIR
	@ci/build release libstead libstead_archive
	@cmake --install build/release --prefix "$(PREFIX)"

asan: ## unit tests with the address and undefined-behaviour sanitizers
	@ci/setup test
	@ci/check asan

tsan: ## unit tests with the thread sanitizer
	@ci/setup test
	@ci/check tsan

fuzz: ## run each fuzz target for SECONDS_PER_TARGET (20) seconds
	@ci/setup test
	@ci/fuzz "$(SECONDS_PER_TARGET)"

docs: release ## write the pages that are generated from tables in the code
	@ci/checks/generated --write

format: ## let clang-format write our C
	@ci/setup test
	@ci/checks/format --write

clean: ## remove build/
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
