# `make run` and `make test` do all the set-up themselves, on a machine with Python 3.11+ and make.

# The system's interpreter where it will do: distributions build theirs with a profile (PGO), which takes a
# tenth to a fifth off the CPU of a request; pyenv, for one, does not.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
  2>/dev/null && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# One more than cores: some tests wait for processes.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
EXPLORER := gateway/server/explorer
ASSETS := $(EXPLORER)/assets/explorer.js
STRANGERS := $(VENV)-clients/.done

# Otherwise everything is compiled anew by every process that the tests start, three workers among them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run mcp test coverage check deploy-check format lint types imports docs explorer snapshot packages compiled nightly benchmark growth startup profile endurance faults attack quality vulnerabilities lock clean

run: $(VENV)/.run $(ASSETS)
	@$(BIN)/gateway sandbox

# What `gateway mcp` needs: not part of `make run`, as the gateway itself does without.
mcp: $(VENV)/.mcp

test: $(VENV)/.test $(ASSETS) $(STRANGERS) packages
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# All tests with every operation compiled, and with none: otherwise from the second time on.
compiled: $(VENV)/.test $(ASSETS) $(STRANGERS) packages
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --compiled always
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --compiled never

# Compiled operations against graphql-core, with documents of no other day: seven minutes of CPU. A
# failure tells how to repeat it.
DOCUMENTS ?= 30000
nightly: $(VENV)/.test
	COMPILED_QUERIES=$(DOCUMENTS) COMPILED_SEED=$$(date +%Y%j000) $(BIN)/pytest -n $(WORKERS) --dist worksteal \
	  -k random tests/engine/test_compiled.py

# Twice as slow as `make test`, so not part of `make check`.
coverage: $(VENV)/.test $(ASSETS) $(STRANGERS) packages
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check
	$(BIN)/python -m tools.snapshot --check
	$(BIN)/python -m tests.benchmarks.ratio
	$(MAKE) test

# The schemas of what lies in deploy/, and examples for its alerts. The tools are large, so not part of `make check`.
deploy-check: $(VENV)/.deploy
	@tools/promtool.sh $(BIN)
	$(BIN)/promtool check rules --lint=all deploy/alerts.yaml
	$(BIN)/promtool test rules tests/deploy/alerts_test.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	for version in 1.27 1.37; do $(BIN)/kubernetes-validate --strict --quiet -k $$version deploy/kubernetes.yaml || exit 1; done

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Generated pages: settings, command line, schema.
docs: $(VENV)/.test
	$(BIN)/python -m docs.generate

# Accepts the schema as it is now. What breaks callers needs its line in the changelog first.
snapshot: $(VENV)/.test
	$(BIN)/python -m tools.snapshot

explorer: $(ASSETS)

# A machine without Node gets one from PyPI, locked like everything else.
$(ASSETS): $(EXPLORER)/package-lock.json $(EXPLORER)/build.mjs $(EXPLORER)/main.jsx $(EXPLORER)/plan.jsx $(EXPLORER)/explorer.css | $(VENV)/.run
	@$(BIN)/python tools/explorer.py

# The tests need a browser and Redis; Debian's packages are used where there are none.
packages:
	@tools/packages.sh

# Against servers on graphql-yoga and on plain ariadne, on a machine that has nothing else to do: six minutes.
benchmark: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

# How cost grows with pages, joins, contacts in the index and connections: six minutes.
growth: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks.growth --write docs/performance.md

# From the start of a process to its first answer.
startup: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks.startup --write docs/performance.md

# Flame graphs of the gateway at work. Looks into another process, for which most systems want root.
profile: $(VENV)/.test $(VENV)-profile/.done
	$(BIN)/python -m tests.benchmarks.profile --sampler $(VENV)-profile/bin/py-spy --folder docs/profiles

$(VENV)-profile/.done: requirements/profile.txt
	@test -x $(VENV)-profile/bin/python || $(PYTHON) -m venv $(VENV)-profile
	@$(VENV)-profile/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/profile.txt
	@touch $@

# Slow and dead sources, overload, an hour's requests: six minutes.
endurance: $(VENV)/.test
	$(BIN)/python -m tests.endurance --write docs/endurance.md

# Every source through every fault: two minutes, so only a part of it is among the tests.
faults: $(VENV)/.test
	$(BIN)/python -m tests.faults --write docs/faults.md

# Tools that attack GraphQL, against a sandbox of their own: a minute, and large tools, so not part of `make check`.
attack: $(VENV)/.test $(VENV)-attack/.done
	$(BIN)/python -m tests.attack

# How well people are recognised, in towns of known people and in public data sets: half a minute.
quality: $(VENV)/.quality
	$(BIN)/python -m tests.quality

# Asks the public advisories about what is locked: needs the internet.
vulnerabilities: $(VENV)-attack/.done
	$(VENV)-attack/bin/pip-audit --strict --require-hashes --disable-pip -r requirements/run.txt

$(VENV)-attack/.done: requirements/attack.txt
	@test -x $(VENV)-attack/bin/python || $(PYTHON) -m venv $(VENV)-attack
	@$(VENV)-attack/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/attack.txt
	@touch $@

# Clients of GraphQL that the tests put to the gateway: those in Python want an older graphql-core.
$(VENV)-clients/.done: requirements/clients.txt
	@test -x $(VENV)-clients/bin/python || $(PYTHON) -m venv $(VENV)-clients
	@$(VENV)-clients/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/clients.txt
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.mcp: $(VENV)/.run requirements/mcp.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mcp.txt
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/.deploy: $(VENV)/.test requirements/deploy.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt
	@touch $@

# Of this package only the files are read: what it needs is large.
$(VENV)/.quality: $(VENV)/.test requirements/quality.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/quality.txt
	@touch $@

# Needs uv (`pip install uv`); the written files name no package index.
lock:
	for set in run mcp node attack clients profile; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-strip-extras requirements/$$set.in -o requirements/$$set.txt; done
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-strip-extras requirements/run.in requirements/mcp.in requirements/test.in -o requirements/test.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-strip-extras requirements/deploy.in -o requirements/deploy.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-strip-extras --no-deps requirements/quality.in -o requirements/quality.txt

clean:
	rm -rf $(VENV) $(VENV)-attack $(VENV)-clients $(VENV)-profile $(EXPLORER)/assets $(EXPLORER)/node_modules \
	  tests/*/node_modules tests/benchmarks/*/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
