# `make` lists what there is. Every target installs what it needs first; a second call finds it there.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
STACK ?= dev
VENV := .venv
BIN := $(VENV)/bin

# Where an image has switched off Python's bytecode, each of the tests' many processes would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install lock run test fast check format preview rehearse doctor bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 10

install: $(VENV)/installed ## create .venv and install the pinned requirements

# The stamp is made last, so that an interrupted installation is done again; only changed requirements make it anew.
# Python compiles what it imports: pip would compile all of pulumi-azure-native, which takes longer than all the rest.
$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed: install it, or say where it is with make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.txt
	@touch $@

lock: | $(BIN)/uv ## pin, in requirements.txt, what pyproject.toml names and what that needs
	@echo '-e .[deploy,dev]' | $(BIN)/uv pip compile - --quiet --no-annotate --python-version 3.11 \
		--custom-compile-command 'make lock' --output-file requirements.txt

# Not `install`: another pin in pyproject.toml can be installed only when it is in requirements.txt too.
$(BIN)/uv:
	@$(MAKE) install

run: install ## replay the reference readings through all five stages, into out/
	@$(BIN)/python -m simulator run --reference --out out

test: check .cache/node/installed .cache/pulumi/pulumi .cache/actionlint/actionlint ## every check and every test
	$(BIN)/python -m pytest -n 3 --dist loadgroup  # on two cores: a third of the time, tests wait

fast: check ## every check, and the tests that start no process: no Node.js, no Go, a minute at most
	$(BIN)/python -m pytest -n auto --dist loadgroup --fast

check: install ## formatting, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/ty check
	$(BIN)/python -m stream_queries check sensor_windows

format: install ## format the code and mend what lint can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

preview: install .cache/pulumi/pulumi ## what the working tree would change in Azure, against the main branch; needs no account
	@$(BIN)/python -m simulator preview --stack $(STACK) || [ $$? -eq 2 ]  # 2 is changes, which are no failure

rehearse: install .cache/node/installed .cache/pulumi/pulumi ## deploy, run, change and destroy on this machine; needs no account
	@$(BIN)/python -m simulator rehearse --stack $(STACK) $(if $(HOSTILE),--hostile --out out/hostile-rehearsal)

doctor: install ## say what would stop `pulumi up` in the account that is signed in
	@$(BIN)/python -m infra doctor --stack $(STACK)

bench: install ## measure speed (never part of the tests)
	$(BIN)/python -m tests.benchmarks

clean: ## remove everything that was generated
	rm -rf out .cache $(VENV) *.egg-info

# Azurite, the tests' stand-in for Blob Storage, and Microsoft's Kusto parser. Without Node.js the tests that need them
# are skipped (in CI that is a failure).
.cache/node/installed: tests/node/package.json tests/node/package-lock.json
	@mkdir -p .cache/node
	@if command -v npm > /dev/null; then \
		cp tests/node/package.json tests/node/package-lock.json .cache/node/ && \
		npm ci --prefix .cache/node --no-audit --no-fund --loglevel=error; \
	else \
		echo "npm is not on the PATH: tests that need Azurite or the Kusto parser will be skipped; install Node.js 20"; \
	fi
	@touch $@

# The tool that runs the Pulumi engine, and the one that checks the workflows; nothing is built where the PATH has them
# in the version of go.mod. Without Go the tests that need them are skipped (in CI that is a failure).
.cache/pulumi/pulumi .cache/actionlint/actionlint: .cache/%: .ci/tools/build.py | install
	@$(BIN)/python .ci/tools/build.py $(@F)

.cache/pulumi/pulumi: .ci/tools/pulumi/go.mod .ci/tools/pulumi/go.sum
.cache/actionlint/actionlint: .ci/tools/actionlint/go.mod .ci/tools/actionlint/go.sum
