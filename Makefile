# Everything a person needs is a target here; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help setup demo test lint types layers units kernels prompts install uninstall test-browser test-system peers soak fuzz lock clean

BIN := .venv/bin
# What is built once, where everything looks for it: compiled sound kernels, spoken prompts.
KERNELS := appliance/kernels/built/appliance-kernels.so
PROMPTS := appliance/prompts/built/manifest.json
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEBIAN_PACKAGES := $(shell sed 's/\#.*//' requirements/debian.txt)
# lgpio has no wheel for every Python: on an ARM board it may have to be built, which needs swig, and
# PYPI=1, its own word for "with the C library inside".
DEBIAN_PACKAGES += $(if $(filter aarch64,$(shell uname -m)),swig)
export PYPI := 1

# Install those of the packages $(1) that are missing; ask for nothing where none is.
define install
missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "==> Debian packages: "$$missing; \
	  $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/.ready ## Install what the project needs: Debian packages, .venv, locked Python packages

.venv/.ready: requirements/dev.lock requirements/debian.txt pyproject.toml
	@$(call install,$(DEBIAN_PACKAGES))
	@python=$$(for p in python3 python3.13 python3.12 python3.11; do \
	    command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done || true); \
	if [ -z "$$python" ]; then echo "make: no Python 3.11 or newer found: apt-get install python3.11 python3.11-venv python3.11-dev" >&2; exit 2; fi; \
	echo "==> .venv from $$($$python --version)"; \
	[ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $$python -m venv .venv
	@echo "==> Python packages from requirements/dev.lock"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

demo: setup $(KERNELS) $(PROMPTS) ## Hold one spoken conversation with no Pi, no sound card and no key; writes demo-out/
	@$(BIN)/appliance demo --out demo-out

test: lint types layers units ## Everything that must hold: lint, types, layers, host-tier tests

lint: setup
	@$(BIN)/ruff format --check --quiet . || { echo "ruff format would change files: run $(BIN)/ruff format ." >&2; exit 1; }
	$(BIN)/ruff check --quiet .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-cache

# Without numba in the process the device takes a sixth of the memory, and starts at once.
$(KERNELS): .venv/.ready $(wildcard appliance/dsp/*.py appliance/kernels/*.py)
	@echo "==> sound kernels (a minute) into $(@D)"
	@$(BIN)/appliance kernels build --out $(@D) >/dev/null
	@touch $@

kernels: $(KERNELS) ## Compile the sound kernels ahead of time, for this machine

$(PROMPTS): .venv/.ready $(wildcard appliance/prompts/*.py appliance/prompts_build/*.py)
	@echo "==> spoken prompts into $(@D)"
	@$(BIN)/appliance prompts build --out $(@D) >/dev/null
	@touch $@

prompts: $(PROMPTS) ## Render what the device says by itself, in eight languages

install: ## Put the device into this machine as a service: /opt/appliance, its units, its settings
	@sh systemd/install.sh install

uninstall: ## Take the service out; settings, key and state stay, unless PURGE=1
	@sh systemd/install.sh uninstall

test-system: setup $(KERNELS) $(PROMPTS) ## Try the installed units in a real Debian: a container, a virtual machine (root, x86-64)
	$(BIN)/pytest -c tests/system/pytest.ini tests/system

BROWSER_PACKAGES := $(if $(wildcard /etc/rpi-issue),chromium,chromium-headless-shell)

test-browser: setup ## Look at the dashboard with a real browser: every state, live, dark and light, accessible
	@$(call install,$(BROWSER_PACKAGES))
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/browser.lock
	$(BIN)/pytest -c tests/browser/pytest.ini --confcutdir=tests tests/browser

# The ARM object is compiled on any machine, and run under QEMU where that is none; instructions are
# counted by valgrind and QEMU, cycles by llvm-mca.
CROSS_PACKAGES := valgrind llvm qemu-user-static
CROSS_PACKAGES += $(if $(filter x86_64,$(shell uname -m)),gcc-aarch64-linux-gnu libc6-dev-arm64-cross)

.venv/.cross: .venv/.ready Makefile
	@$(call install,$(CROSS_PACKAGES))
	@touch $@

units: setup .venv/.cross $(KERNELS)
	$(BIN)/pytest

soak: setup $(KERNELS) $(PROMPTS) ## Let the real device talk for half an hour: what grows is a leak
	@$(BIN)/python tests/flows/soak.py --minutes 30

fuzz: setup ## A million messages that no service should send, and 10,000 simulated turns
	@$(BIN)/python tests/realtime/test_fuzz.py 1000000
	@$(BIN)/python tests/flows/test_many_turns.py 10000

peers: setup ## Install the peers that `appliance bench sound` measures us against
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/peers.lock

lock: ## Resolve requirements/*.lock anew from pyproject.toml
	@python3 -m venv .cache/uv && .cache/uv/bin/pip install -q uv
	.cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra dashboard pyproject.toml -o requirements/run.lock
	.cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra tools --extra dev pyproject.toml -o requirements/dev.lock
	.cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra tools --extra dev --extra browser -c requirements/dev.lock pyproject.toml -o requirements/browser.lock
	.cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --extra tools --extra dev --extra peers -c requirements/dev.lock pyproject.toml -o requirements/peers.lock

clean: ## Remove what make and the tests made
	rm -rf .venv .cache build demo-out artefacts *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
