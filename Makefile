# Every target carries its help text; bare `make` prints them.

CARGO ?= cargo
MODEL ?= diamonds
REGISTRY ?= ./models
DATA ?= examples/data/diamonds.csv
TARGET ?= price
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo podman compose)

.DEFAULT_GOAL := help
# Tools that `make ci-tools` installs come after the machine's own.
export PATH := $(PATH):$(CURDIR)/target/ci-tools/bin

.PHONY: help demo demo-lifecycle test check check-fmt check-lint check-doc check-deny check-manifests check-sanitizer audit fix snapshots manifests
.PHONY: bench bench-peers bench-instructions bench-training bench-serving bench-shadow loadtest loadtest-tools train serve up down images deploy status verify update rollback
.PHONY: monitor undeploy e2e ci-tools kind-metrics sbom scan chart push-images push-chart sign release-notes
.PHONY: github-release clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Train on diamonds, serve on 127.0.0.1:8000, predict (DEMO_EXIT=1: then shut down; DEMO_PORT=8000)
	@examples/demo.sh

demo-lifecycle: ## Show a model's life: shadow, canary, promotion, refusal, veto, rollback, history (DEMO_PORT=8000)
	@examples/lifecycle.sh

test: ## Run all tests
	$(CARGO) test --workspace --locked

check: check-fmt check-lint check-doc check-deny check-manifests check-sanitizer ## Run every check that is not a test

check-fmt: ## Check the formatting
	$(CARGO) fmt --all --check

check-lint: ## Run clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

check-doc: ## Build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

check-deny: ## Check licences, sources and banned crates (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	$(CARGO) deny --locked check bans licenses sources

check-manifests: ## Check the manifests, chart, scripts and Dockerfile (needs kubectl, shellcheck, promtool, python3)
	@deploy/scripts/check-manifests.sh

check-sanitizer: ## Run the model crate's tests under AddressSanitizer (PROPTEST_CASES=32)
	@shared/model/check-sanitizer.sh

audit: ## Check dependencies against the RustSec advisories (needs cargo-deny and the internet)
	$(CARGO) deny --locked check advisories

fix: ## Format, and apply clippy's suggestions
	$(CARGO) fmt --all
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged

snapshots: ## Accept changed snapshots after looking at them (git diff shows them)
	INSTA_UPDATE=always $(CARGO) test --workspace

manifests: ## Write deploy/all-in-one.yaml anew from deploy/base
	@deploy/scripts/manifests.sh

bench: ## Time kernel, request, counters and handler with criterion (BENCH='handler' chooses one)
	$(CARGO) bench --locked -p bench $(if $(BENCH),$(BENCH:%=--bench %),--bench kernel --bench request --bench distribution --bench handler)

bench-peers: ## Compare with other servers and kernels, in about a quarter of an hour (needs wrk, gcc, python3 with venv)
	python3 bench/peers.py

bench-instructions: ## Count a request's instructions under callgrind (needs valgrind and python3)
	python3 bench/callgrind.py

bench-training: ## Compare fit time and scores with scikit-learn (needs python3 with venv)
	python3 bench/training.py

bench-serving: ## Measure start, memory and requests a second (needs wrk and python3)
	python3 bench/serving.py

bench-shadow: ## Measure what a slow challenger in shadow costs the champion (needs python3)
	python3 bench/shadow.py

loadtest: ## Load a running server and judge it (SCENARIO=smoke, URL=http://127.0.0.1:8000; loadtest/README.md has the others)
	@loadtest/run.py $(or $(SCENARIO),smoke) $(if $(URL),--url $(URL)) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) $(if $(BODY),--body $(BODY)) $(if $(API_KEY_FILE),--api-key-file $(API_KEY_FILE))

loadtest-tools: ## Install what load tests use into target/loadtest-tools: oha, Locust; with K6=1 a copy of k6
	@loadtest/tools.sh

train: ## Fit a model (MODEL, DATA, TARGET, REGISTRY)
	$(CARGO) run --release --locked -p canopy-trainer -- fit --data $(DATA) --target $(TARGET) --model $(MODEL) --registry $(REGISTRY)

serve: ## Serve a model to anybody on this machine (MODEL, REGISTRY)
	$(CARGO) run --release --locked -p canopy-inference -- --model $(MODEL) --registry $(REGISTRY) --listen 127.0.0.1:8000 --allow-anonymous --log-format pretty

up: ## Train once, serve and watch with Prometheus in containers, without Kubernetes (TAG: the images of make images)
	$(COMPOSE) -f docker/compose.yaml up $(if $(TAG),,--build)

down: ## Stop them; VOLUMES=1 removes their data, too
	$(COMPOSE) -f docker/compose.yaml down $(if $(VOLUMES),--volumes)

images: ## Build the images with docker, podman or buildah; into minikube where that is the context (TAG, IMAGE_PREFIX)
	@docker/build.sh

deploy: ## Bring everything into the cluster of the current kubectl context (OVERLAY=minikube, NAMESPACE=canopy)
	@deploy/scripts/deploy.sh

status: ## Show what runs there, from which version, and what is wrong
	@deploy/scripts/status.sh

verify: ## Check what runs there; fails at the first thing that is not as it should be
	@deploy/scripts/verify.sh

update: ## Roll out changed images or settings, without training
	@deploy/scripts/update.sh

rollback: ## Go back: to a model's version (VERSION=6), to the images before (IMAGES=1), to a revision (REVISION=3)
	@deploy/scripts/rollback.sh

monitor: ## Add Prometheus and Grafana
	@deploy/scripts/monitor.sh

undeploy: ## Remove everything, after asking (KEEP_VOLUME=1 keeps the model versions)
	@deploy/scripts/undeploy.sh

e2e: ## Prove all of it on the current kubectl context, in a namespace of its own (E2E_LOAD_IMAGE='command {tar}')
	@deploy/scripts/e2e.sh

ci-tools: ## Install what the checks and tests can use and this machine lacks, as root on Debian or Ubuntu
	@.ci/tools

kind-metrics: ## Give a kind cluster the metrics that the autoscaler needs
	kubectl apply -k .github/kind
	kubectl -n kube-system rollout status deployment/metrics-server --timeout=180s

sbom: ## List what is in the images (needs syft)
	@docker/release.sh sbom

scan: ## Look those lists up among known vulnerabilities (needs grype and the internet)
	@docker/release.sh scan

chart: ## Package the Helm chart into dist/ (needs helm)
	@deploy/helm/release.sh package

push-images: ## Push the images (PUSH_TO=ghcr.io/OWNER)
	@docker/release.sh push

push-chart: ## Push the packaged chart (PUSH_TO=ghcr.io/OWNER)
	@deploy/helm/release.sh push

sign: ## Sign what was pushed (needs cosign, in a workflow)
	@docker/release.sh sign

release-notes: ## Write the version's part of the changelog to dist/notes.md (RELEASE=v1.2.3 is the tag)
	@.github/release.sh notes

github-release: ## Create the GitHub release of what is in dist/ (needs gh and GH_TOKEN)
	@.github/release.sh create

clean: ## Remove what was built and what the demo left
	$(CARGO) clean
	rm -rf .demo dist bench/.venv* bench/out
