# The front door. `make help` lists what there is; each target is a short
# script in tools/, so that everything can also be run without make.

SHELL := /bin/bash
PRESET ?= dev

.PHONY: help
help: ## Lists the targets
	@echo "Datashim: buckets as files in pods, by two labels."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PRESET=dev|release|asan-ubsan|tsan chooses the build of build/; default: dev"
	@echo "  eval \"\$$(make -s cluster-env)\" points kubectl at the development cluster"

.PHONY: quickstart
quickstart: ## Sets everything up and shows the main job on a real cluster
	@tools/quickstart/quickstart

.PHONY: test
test: ## What a contributor runs: style, unit and integration tests
	@tools/run-tests style unit integration

.PHONY: test-unit
test-unit: ## The fast part: style and unit tests
	@tools/run-tests style unit

.PHONY: test-sanitizers
test-sanitizers: ## Unit and integration tests under ASan+UBSan and TSan
	@tools/run-tests asan-ubsan tsan

.PHONY: test-fuzz
test-fuzz: ## libFuzzer looks for new inputs, 20 s for each target
	@tools/run-tests fuzz

.PHONY: test-e2e
test-e2e: ## End-to-end tests on the development cluster (or on $$KUBECONFIG's)
	@tools/run-tests e2e

.PHONY: test-conformance
test-conformance: ## csi-sanity, Kubernetes' storage tests, each S3 server; a line for each suite
	@tools/run-tests --by-stage csi-sanity storage-e2e s3-matrix

.PHONY: build
build: ## Builds everything of PRESET into build/PRESET
	@tools/build.sh $(PRESET)

.PHONY: image
image: ## Builds the container image as build/image/datashim.tar
	@tools/image/build.sh

.PHONY: bench
bench: ## Measures against the peers: build/bench/results.json (SCENARIO="cold_seq find_20k")
	@tools/bench.sh $(SCENARIO)

.PHONY: cluster-up
cluster-up: ## Starts a real one-node Kubernetes with an S3 server on this machine
	@tools/setup.sh --cluster
	@tools/devcluster/devcluster up

.PHONY: cluster-down
cluster-down: ## Ends it and leaves nothing behind
	@tools/devcluster/devcluster down

.PHONY: cluster-env
cluster-env: ## Prints what to `eval` to use it
	@tools/devcluster/devcluster env

.PHONY: format
format: ## Formats the C++ sources
	@tools/format.sh

.PHONY: clean
clean: ## Removes build/
	rm -rf build
