# Every target carries its help text; bare `make` prints them.

CARGO ?= cargo
MODEL ?= diamonds
REGISTRY ?= ./models
DATA ?= examples/data/diamonds.csv
TARGET ?= price

.DEFAULT_GOAL := help
.PHONY: help demo test check check-fmt check-lint check-doc check-deny audit fix snapshots bench bench-training bench-serving train serve clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Train on diamonds, serve on 127.0.0.1:8000, predict (DEMO_EXIT=1: then shut down; DEMO_PORT=8000)
	@examples/demo.sh

test: ## Run all tests
	$(CARGO) test --workspace --locked

check: check-fmt check-lint check-doc check-deny ## Run every check that is not a test

check-fmt: ## Check the formatting
	$(CARGO) fmt --all --check

check-lint: ## Run clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

check-doc: ## Build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

check-deny: ## Check licences, sources and banned crates (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	$(CARGO) deny --locked check bans licenses sources

audit: ## Check dependencies against the RustSec advisories (needs cargo-deny and the internet)
	$(CARGO) deny --locked check advisories

fix: ## Format, and apply clippy's suggestions
	$(CARGO) fmt --all
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged

snapshots: ## Accept changed snapshots after looking at them (git diff shows them)
	INSTA_UPDATE=always $(CARGO) test --workspace

bench: bench-training bench-serving ## Run every comparison; results go into bench/README.md by hand

bench-training: ## Compare fit time and scores with scikit-learn (needs python3 with venv)
	python3 bench/training.py

bench-serving: ## Measure start, memory and requests a second (needs wrk and python3)
	python3 bench/serving.py

train: ## Fit a model (MODEL, DATA, TARGET, REGISTRY)
	$(CARGO) run --release --locked -p canopy-trainer -- fit --data $(DATA) --target $(TARGET) --model $(MODEL) --registry $(REGISTRY)

serve: ## Serve a model to anybody on this machine (MODEL, REGISTRY)
	$(CARGO) run --release --locked -p canopy-inference -- --model $(MODEL) --registry $(REGISTRY) --listen 127.0.0.1:8000 --allow-anonymous --log-format pretty

clean: ## Remove what was built and what the demo left
	$(CARGO) clean
	rm -rf .demo bench/.venv bench/out
