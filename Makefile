# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Two steps on purpose: pip checks hashes only when every requirement has one, and the project itself has none.
define install
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Python 3.11 or newer is needed (PYTHON=... names another)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version) (PYTHON=... names another)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what constraints/$(1).txt pins (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/$(1).txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(VENV)/.all: constraints/all.txt pyproject.toml
	$(call install,all)

$(VENV)/.dev: constraints/dev.txt pyproject.toml
	$(call install,dev)
	@touch $(VENV)/.all

.PHONY: install
install: $(VENV)/.all ## make .venv with everything a user needs
	@echo "ratecast is installed in $(VENV). Next: . $(BIN)/activate, then ratecast demo"

.PHONY: demo
demo: $(VENV)/.all ## see everything work: train, broker, two workers, replay, summary
	@$(BIN)/ratecast demo

.PHONY: monitoring
monitoring: $(VENV)/.all ## run a broker, workers, a feed, Prometheus and Alertmanager, without Docker
	@$(BIN)/python -m ratecast_stack.native

# The services are not started (RUNLEVEL=1): tests and `make monitoring` start the programs themselves.
.PHONY: tools
tools: ## install Prometheus, Alertmanager, PostgreSQL and Chromium, for `make monitoring` and all of `make test` (Debian; root)
	@if command -v promtool >/dev/null && command -v amtool >/dev/null && command -v chromium >/dev/null \
		&& ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then exit 0; fi; \
	if ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then \
		echo "install Chromium, PostgreSQL, and Prometheus and Alertmanager with promtool and amtool, by your own means (this target needs apt-get and root)"; exit 2; \
	fi; \
	apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --no-install-recommends prometheus prometheus-alertmanager postgresql chromium >/dev/null

# They are built from their sources, which takes some minutes once. Go fetches a newer Go by itself if it needs one.
.PHONY: helm-tools
helm-tools: $(VENV)/.dev ## build Helm and kube-score into .venv, for changes of the chart and its tests (needs Go)
	@command -v go >/dev/null || { echo "Go is not installed: install it, or put a helm of version 3 on your PATH"; exit 2; }
	@test -x $(BIN)/helm || GOBIN=$(abspath $(BIN)) go install helm.sh/helm/v3/cmd/helm@$(HELM)
	@test -x $(BIN)/kube-score || GOBIN=$(abspath $(BIN)) go install github.com/zegl/kube-score/cmd/kube-score@$(KUBE_SCORE)
HELM := v3.22.0
KUBE_SCORE := v1.20.0

.PHONY: chart
chart: $(VENV)/.dev ## write the generated files of the Helm chart, and its manifests where Helm is installed
	@$(BIN)/python -m tools.chart
	@$(BIN)/python -m tools.chart.manifests

.PHONY: test
test: $(VENV)/.dev ## the whole suite, on real brokers (JOBS=3 processes)
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
JOBS := 3

.PHONY: test-all
test-all: $(VENV)/.dev ## the suite with every integration test on both brokers, as before a release (JOBS=3)
	@RATECAST_TEST_BOTH_ENGINES=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

.PHONY: chaos
chaos: $(VENV)/.dev ## kill workers and brokers for half an hour, then count (SEEDS="11 12 13 14")
	@$(BIN)/python -m tests.chaos $(foreach seed,$(SEEDS),--seed $(seed)) --rounds 2
SEEDS := 11 12 13 14

.PHONY: fuzz
fuzz: $(VENV)/.dev ## score a million hostile inputs, then count what became of them (INPUTS=1000000 SEED=1)
	@$(BIN)/python -m tests.fuzz --inputs $(INPUTS) --seed $(SEED)
INPUTS := 1000000
SEED := 1

.PHONY: check
check: $(VENV)/.dev ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.dev ## throughput and latency beside plain clients and peers (BROKER=embedded or kafka, QUICK=--quick)
	@$(BIN)/python -m benchmarks.all --broker $(BROKER) $(QUICK)
BROKER := embedded

.PHONY: profile
profile: $(VENV)/.dev ## draw where the time of a message goes: a flame graph, and its top ten in docs/performance.md
	@$(BIN)/python -m benchmarks.flame --broker $(BROKER)

.PHONY: detection
detection: $(VENV)/.dev ## which detector finds which fault of a feed: the tables of docs/drift.md
	@$(BIN)/python -m benchmarks.detection --write docs/drift.md

.PHONY: reference
reference: $(VENV)/.dev ## write docs/reference from the code
	@$(BIN)/python -m tools.reference docs/reference

$(VENV)/.docs: constraints/docs.txt pyproject.toml
	$(call install,docs)

.PHONY: docs
docs: $(VENV)/.docs ## build the documentation into site/ and check its links
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html, or for the search: python3 -m http.server --directory site 8080"

# Needs Chromium (CHROMIUM=... names its program). Trains a model in .ratecast/pictures first, which takes about a minute.
.PHONY: pictures
pictures: $(VENV)/.dev ## draw docs/pictures from a real demo and a real report (needs chromium)
	@$(BIN)/python -m tools.pictures docs/pictures

.PHONY: contracts
contracts: $(VENV)/.dev ## write docs/contracts from the message models
	@$(BIN)/python -m ratecast.contract.documents docs/contracts

# An environment of its own, because these tools need other versions of what the program needs.
AUDIT := $(VENV)/audit
$(AUDIT)/.done: constraints/audit.txt
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/audit.txt
	@touch $@

.PHONY: sbom
sbom: $(AUDIT)/.done ## list what each image contains: dist/sbom/ratecast-*.cdx.json (CycloneDX 1.6)
	@mkdir -p dist/sbom
	@for image in worker:worker web:web training:all; do \
		$(AUDIT)/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --spec-version 1.6 --output-reproducible \
			--output-format JSON --output-file dist/sbom/ratecast-$${image%%:*}.cdx.json constraints/$${image##*:}.txt || exit 1; \
	done; ls dist/sbom/*

.PHONY: audit
audit: $(AUDIT)/.done ## ask for known vulnerabilities of everything that is pinned (needs the internet)
	@for pins in worker web all dev docs; do \
		$(AUDIT)/bin/pip-audit --disable-pip --require-hashes --progress-spinner off -r constraints/$$pins.txt || exit 1; \
	done

.PHONY: licences
licences: $(VENV)/.dev ## write docs/reference/licences.md from what is installed
	@$(BIN)/python -m tools.licences docs/reference/licences.md

.PHONY: digests
digests: $(VENV)/.dev ## pin every image by its digest, as a registry knows it (REGISTRY=https://...)
	@$(BIN)/python -m tools.image_digests $(REGISTRY) Dockerfile docker-compose.yml

# Needs uv (pip install uv). The pins hold for Python 3.11 and newer on Linux, macOS and Windows.
.PHONY: pins
pins: ## resolve constraints/*.txt anew
	uv pip compile $(PINS) pyproject.toml --extra signatures --extra remote --extra tracing -o constraints/worker.txt
	uv pip compile $(PINS) pyproject.toml --extra signatures --extra remote --extra tracing --extra web -c constraints/worker.txt -o constraints/web.txt
	uv pip compile $(PINS) pyproject.toml constraints/build.in --extra all -c constraints/web.txt -o constraints/all.txt
	uv pip compile $(PINS) pyproject.toml constraints/build.in --extra dev -c constraints/all.txt -o constraints/dev.txt
	uv pip compile $(PINS) pyproject.toml constraints/build.in --extra docs -c constraints/dev.txt -o constraints/docs.txt
	uv pip compile $(PINS) constraints/build.in -c constraints/all.txt -o constraints/build.txt
	uv pip compile $(PINS) constraints/audit.in -o constraints/audit.txt
PINS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: clean
clean: ## remove the environment, caches and builds
	rm -rf $(VENV) dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
