# Two commands matter: `make run` and `make test`. Both stand on `make setup`.
SHELL := /bin/bash
PYTHON ?= python3
UV := .tools/bin/uv
PY := .venv/bin/python
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON_PREFERENCE = only-system

.PHONY: help setup run test check format lint types contracts suite torture chaos fuzz lock licences clean
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .setup/system .venv/.ready ## system libraries, uv, the locked environment

run: setup ## open the station in training mode (the demonstration where there is no display)
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then exec .venv/bin/migramovil station --training; \
	else echo "No display here: running 'migramovil demo' instead."; \
	     QT_QPA_PLATFORM=offscreen exec .venv/bin/migramovil demo; fi

test: setup .setup/test .venv/.ready-dev ## the whole suite, offscreen
	$(PY) -m pytest $(ARGS)

check: setup .setup/test .venv/.ready-dev format lint types contracts suite ## format, lint, types, contracts, tests
format: .venv/.ready-dev
	.venv/bin/ruff format --check .
lint: .venv/.ready-dev
	.venv/bin/ruff check .
types: .venv/.ready-dev
	.venv/bin/mypy
contracts: .venv/.ready-dev
	.venv/bin/lint-imports
suite: .venv/.ready-dev
	$(PY) -m pytest $(ARGS)

KILLS ?= 200
CUTS ?= 200
FAULTS ?= 200
torture: setup .setup/test .venv/.ready-dev ## KILLS= CUTS= FAULTS=: kills, power cuts, bad disks; what they lost, as JSON
	@$(PY) -m tests.torture --kills $(KILLS) --cuts $(CUTS) --faults $(FAULTS) \
	  --sabotage "$(SABOTAGE)" $(if $(SEED),--seed $(SEED))

SECONDS ?= 600
chaos: setup .venv/.ready-dev ## SECONDS=: station and headquarters over real sockets, both killed at random
	@$(PY) -m tests.sync.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

N ?= 100000
fuzz: setup .venv/.ready-dev ## N=: broken messages for each parser of bytes that come from a device
	@$(PY) -m tests.fuzz --n $(N) $(if $(SEED),--seed $(SEED))

licences: setup ## the licence of everything installed; fails on GPL or AGPL
	.venv/bin/migramovil licences

lock: $(UV) ## resolve again; names, versions and hashes only
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  pyproject.toml -o requirements.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .setup .tools

# What Qt, the devices and the letters need from Debian; what the tests add to it.
SYSTEM := libegl1 libgl1 libfontconfig1 libglib2.0-0 libdbus-1-3 libxkbcommon0 \
  libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0 \
  libusb-1.0-0 fonts-inter fonts-jetbrains-mono fonts-dejavu-core
SYSTEM_TEST := umockdev libfprint-2-2 gcc libc6-dev swtpm tpm2-tools chromium \
  cups cups-client cups-ipp-utils cups-filters avahi-daemon dbus

define apt_install
	@missing=""; for p in $(1); do \
	  dpkg-query -W -f='$${db:Status-Abbrev}\n' $$p $${p}t64 2>/dev/null | grep -q '^ii' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
	  $(SUDO) apt-get update -q >/dev/null && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >/dev/null; fi
	@mkdir -p .setup && touch $@
endef
.setup/system: Makefile
	$(call apt_install,$(SYSTEM))
.setup/test: Makefile
	$(call apt_install,$(SYSTEM_TEST))

$(UV):
	$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .tools 'uv==0.13.9'
.venv/.ready: $(UV) requirements.lock pyproject.toml
	$(UV) venv -q --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	$(UV) pip sync -q --require-hashes --python $(PY) requirements.lock
	$(UV) pip install -q --no-deps --python $(PY) -e .
	@rm -f .venv/.ready-dev; touch $@
.venv/.ready-dev: .venv/.ready requirements-dev.lock
	$(UV) pip install -q --require-hashes --python $(PY) -r requirements-dev.lock
	@touch $@
