# The commands of the project. Each installs what it needs first; nothing else has to be run before.

PORT ?= 8080
PRESET ?= release
JOBS ?= $(shell nproc)
BIN := build/$(PRESET)/bin

.PHONY: help build page demo test test-page test-deploy package chaos test-sanitized test-threads test-asan-service fuzz fuzz-http tidy \
        tidy-changed tidy-setup gpu bench bench-quick format check-format clean

help: ## show these commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## install what is missing and build the programs into build/release/bin
	@scripts/install-packages
	@scripts/fetch-libtorch
	@scripts/fetch-node
	@cmake --preset $(PRESET) --log-level=NOTICE
	@cmake --build --preset $(PRESET) --parallel $(JOBS)

page: ## build the page where people write, alone
	@scripts/install-packages
	@scripts/fetch-node
	@scripts/build-page $(CURDIR)/build/$(PRESET)/share/inkfleet/page

demo: build ## start a gateway and three demo models on loopback (PORT=8080); Ctrl-C stops them
	@scripts/demo --bin $(BIN) --port $(PORT)

test: build ## build and run all tests: unit, integration, end to end
	@rm -f build/missing-tools
	@INKFLEET_TEST_PYTHON=$$(scripts/test-env) INKFLEET_PAGE_PYTHON=$$(scripts/page-env) \
	 INKFLEET_DEPLOY_PYTHON=$$(scripts/deploy-env) ctest --preset $(PRESET) --parallel $(JOBS); \
	 status=$$?; cat build/missing-tools 2>/dev/null; exit $$status

test-page: build ## the page in Debian's Chromium and the JavaScript client behind a proxy that cuts connections; pictures in build/page-screenshots
	@INKFLEET_PAGE_PYTHON=$$(scripts/page-env) ctest --preset $(PRESET) --label-regex page

test-deploy: build ## generate, package and run fleets: units, containers, HAProxy, Kubernetes, Ansible against a stand-in of Google Cloud
	@scripts/deploy-env --containers >/dev/null
	@INKFLEET_BIN=$(CURDIR)/$(BIN) tests/deploy/run

package: build ## tarballs and .debs of both programs in build/package, for machines without a toolchain
	@scripts/deploy-env --containers >/dev/null
	@scripts/package $(CURDIR)/$(BIN)

chaos: build ## kill, hang, cut and overload the fleet in every way there is a scenario for (about 25 minutes; leave the machine alone)
	@INKFLEET_BIN=$(CURDIR)/$(BIN) tests/chaos/run $(if $(ONLY),--only $(ONLY))

test-sanitized: ## the tests of all that has no torch, under AddressSanitizer and UBSan
	@scripts/install-packages
	@cmake --preset asan --log-level=NOTICE
	@cmake --build --preset asan --parallel $(JOBS)
	@ctest --preset asan --parallel $(JOBS)

test-threads: ## the tests of what has threads and no torch, under ThreadSanitizer
	@scripts/install-packages
	@cmake --preset tsan --log-level=NOTICE
	@cmake --build --preset tsan --parallel $(JOBS)
	@ctest --preset tsan --parallel $(JOBS)

test-asan-service: ## the programs, libtorch included, under AddressSanitizer and UBSan: a handful of the end-to-end tests
	@scripts/install-packages
	@scripts/fetch-libtorch
	@cmake --preset asan-service --log-level=NOTICE
	@cmake --build --preset asan-service --parallel $(JOBS)
	@INKFLEET_TEST_PYTHON=$$(scripts/test-env) scripts/test-asan-service $(CURDIR)/build/asan/bin

fuzz: ## give every parser of bytes from outside mutated ones, with libFuzzer (FUZZ_SECONDS=20 for each)
	@scripts/install-packages
	@scripts/install-clang
	@cmake --preset fuzz --log-level=NOTICE
	@cmake --build --preset fuzz --parallel $(JOBS)
	@JOBS=$(JOBS) scripts/fuzz $(CURDIR)/build/fuzz/bin

fuzz-http: build ## give the gateway's HTTP door requests made from its OpenAPI document, good and bad (FUZZ_SECONDS=300, FUZZ_SEED=1)
	@INKFLEET_BIN=$(CURDIR)/$(BIN) INKFLEET_FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) INKFLEET_FUZZ_SEED=$(or $(FUZZ_SEED),1) \
	  tests/e2e/run test_openapi.py -s --timeout 1000

tidy: tidy-setup ## clang-tidy over all sources (ten minutes on two cores)
	@JOBS=$(JOBS) scripts/tidy build/$(PRESET)

tidy-changed: tidy-setup ## clang-tidy over the sources that differ from origin/main
	@JOBS=$(JOBS) scripts/tidy build/$(PRESET) --changed

tidy-setup:
	@scripts/install-packages
	@scripts/install-clang
	@scripts/fetch-libtorch
	@cmake --preset $(PRESET) --log-level=NOTICE

gpu: ## compile the engine on a GPU and its health probe with nvcc (104 MB of wheels, once) and test them, with a GPU or without
	@scripts/install-packages
	@scripts/fetch-libtorch
	@scripts/fetch-nvcc
	@cmake --preset $(PRESET) --log-level=NOTICE -DINKFLEET_CUDA=ON \
	  $(if $(CUDA_ARCHITECTURES),"-DINKFLEET_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)")
	@cmake --build --preset $(PRESET) --parallel $(JOBS) --target cuda-probe gpu-library test_cuda_probe test_gpu
	@$(BIN)/test_cuda_probe --gtest_brief=1
	@$(BIN)/test_gpu --gtest_brief=1

bench: build ## measure beside the peers on a gpt2-medium-shaped random model (about an hour; leave the machine alone)
	@cmake --build --preset $(PRESET) --parallel $(JOBS) --target perplexity
	@bench/peers/run --bin $(CURDIR)/$(BIN)

bench-quick: build ## the same with two peers and two kinds of work (at most 6 minutes once all is installed)
	@bench/peers/run --quick --bin $(CURDIR)/$(BIN)

format: ## rewrite the C++ sources with clang-format
	@git ls-files -co --exclude-standard '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs clang-format -i

check-format: ## fail if clang-format would change a source
	@git ls-files '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs clang-format --dry-run --Werror

clean: ## remove what was built
	rm -rf build
