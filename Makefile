# What can be done here; each target makes what it needs. `make run` needs Python 3.11+ and make only.

PORT ?= 8000
export PORT

VENV := .venv
BIN := $(VENV)/bin
# A Python of 3.11 or later, by any of the names that it goes by.
FIND_PYTHON := for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --progress-bar off
# What the lock that is the target's first prerequisite names. pip takes ten times as long, but is always there.
INSTALL = { $(PIP) --require-hashes -r requirements/uv.txt && \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $<; } || $(PIP) --require-hashes -r $<

# Made-up values, so that commands which only look at the code can load the settings.
export_lint_env = export ENV_FILE= SECRET_KEY=lint-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV \
	ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= LOG_LEVEL=WARNING \
	PUBLIC_URL=https://bridge.example.com ALLOWED_PRIVATE_TARGETS= DEBUG= STATIC_ROOT=
PACKAGES := config hitl_bridge conversations providers sandbox tests bench clients
BUILD := var/build
NODE_PROJECTS := integrations/botpress examples/typescript

.DEFAULT_GOAL := help
.PHONY: help run test lint format openapi lock migrate audit clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

run: $(VENV)/.base ## Run the whole product here: bridge, worker, sandbox and demo (PORT=8000)
	@exec $(BIN)/python -m sandbox

test: $(VENV)/.dev ## Run the tests; those that need services run where these answer (ARGS= for pytest)
	@$(BIN)/python -m tests $(ARGS)

lint: $(VENV)/.dev ## Check style, types, migrations, layers, settings and the API description
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	@$(export_lint_env) DATABASE_URL=sqlite://:memory: REDIS_URL=; \
		echo manage.py makemigrations --check; \
		$(BIN)/python manage.py makemigrations --check --dry-run
	@$(export_lint_env) DATABASE_URL=postgres://bridge@127.0.0.1/bridge REDIS_URL=redis://127.0.0.1/0; \
		echo manage.py check --deploy; \
		$(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(MAKE) --no-print-directory $(BUILD)/openapi.yaml
	@diff -u docs/openapi.yaml $(BUILD)/openapi.yaml || \
		{ echo "docs/openapi.yaml does not describe the API as it is: run make openapi."; exit 1; }
	$(BIN)/python -m pytest -q tests/test_layers.py

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

openapi: $(BUILD)/openapi.yaml ## Write docs/openapi.yaml
	@mkdir -p docs
	cp $(BUILD)/openapi.yaml docs/openapi.yaml

.PHONY: $(BUILD)/openapi.yaml
$(BUILD)/openapi.yaml: $(VENV)/.dev
	@mkdir -p $(BUILD)
	@$(export_lint_env) DATABASE_URL=sqlite://:memory: REDIS_URL=; \
		$(BIN)/python manage.py spectacular --fail-on-warn --validate --file $@

.PHONY: integrations
integrations: $(NODE_PROJECTS:%=%/node_modules/.installed) ## Check, build and test what is written in TypeScript (needs Node.js 20+)
	cd integrations/botpress && npm run --silent check && npm run --silent build && npm test --silent
	cd examples/typescript && npm run --silent check

%/node_modules/.installed: %/package.json %/package-lock.json
	cd $* && npm ci --silent
	@touch $@

.PHONY: chaos chaos-quick
chaos: $(VENV)/.dev ## Prove the promise under fire: kill -9, failing help desks (half an hour; ARGS=--help)
	@$(BIN)/python -m bench.chaos $(ARGS)

chaos-quick: $(VENV)/.dev ## The same with 500 messages (a minute)
	@$(BIN)/python -m bench.chaos --profile quick $(ARGS)

.PHONY: reliability
reliability: $(VENV)/.dev ## Prove fairness, tokens, floods and poison on the production stack (half an hour; ARGS=fairness)
	@$(BIN)/python -m bench.reliability $(ARGS)

.PHONY: bench-listeners
bench-listeners: $(VENV)/.dev ## Measure what 1,000 waiting bots cost one process (two minutes, on loopback)
	@$(BIN)/python -m bench.listeners $(ARGS)

.PHONY: bench-erase
bench-erase: $(VENV)/.dev ## Erase a person with 10,000 messages and search for what is left (a minute; ARGS=--sqlite)
	@$(BIN)/python -m bench.erasing $(ARGS)

.PHONY: fuzz fuzz-api bench-rekey bench-intake-limits sbom
fuzz: $(VENV)/.dev ## Forge and break 100,000 webhooks per help desk (ARGS=--help)
	@$(BIN)/python -m bench.fuzz $(ARGS)

fuzz-api: $(VENV)/.dev ## Hold 20,000 made-up calls of the bot API to its description, all checks on
	@SCHEMATHESIS_EXAMPLES=$(or $(EXAMPLES),800) $(BIN)/python -m pytest -q tests/api/test_schema.py -k as_described

bench-rekey: $(VENV)/.dev ## Change the key of 100,000 rows while messages flow (DATABASE_URL= for PostgreSQL)
	@$(BIN)/python -m bench.rekey $(ARGS)

bench-intake-limits: $(VENV)/.dev ## Upload 100 bodies of 50 MB at a time: memory stays as it is
	@$(BIN)/python -m bench.intake_limits $(ARGS)

migrate: $(VENV)/.base ## Migrate the database named by DATABASE_URL
	$(BIN)/python manage.py migrate

# The input files name version ranges, the locks exact versions and their hashes.
lock: $(VENV)/.base ## Lock the dependencies anew (UPGRADE=1 takes the newest versions)
	$(PIP) --require-hashes -r requirements/uv.txt
	for name in base dev uv sbom; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			$(if $(UPGRADE),--upgrade) requirements/$$name.in -o requirements/$$name.txt || exit 1; done

# Where the advisory service can't be reached, nothing was audited, and that is said, not hidden.
audit: $(VENV)/.dev ## Look the locked dependencies up among known vulnerabilities
	@$(BIN)/python -m bench.audit requirements/base.txt

# In an environment of its own: the tool is no part of what it describes.
SBOM_VENV := var/sbom-venv
sbom: $(VENV)/.dev ## Write the bill of materials of what is installed in production ($(BUILD)/sbom.json)
	@mkdir -p $(BUILD)
	@test -x $(SBOM_VENV)/bin/cyclonedx-py || { $(BIN)/python -m venv $(SBOM_VENV) && \
		$(SBOM_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/sbom.txt; }
	$(SBOM_VENV)/bin/cyclonedx-py requirements requirements/base.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON -o $(BUILD)/sbom.json
	@$(BIN)/python -c "import json; print(len(json.load(open('$(BUILD)/sbom.json'))['components']), 'components in $(BUILD)/sbom.json')"

clean: ## Remove what tools left behind (not the databases in var/)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov $(BUILD)
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or later found. Install one, or name it: make run PYTHON=/path/to/python3"; exit 1; fi; \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "That Python can't make virtual environments (Debian: apt install python3-venv)."; exit 1; }

# The stamps are younger than the locks as long as what is installed is what is locked.
$(VENV)/.base: requirements/base.txt | $(BIN)/python
	@echo "Installing $$(grep -c '==' $<) locked packages: up to a minute, only this once"
	@$(INSTALL)
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(BIN)/python
	@echo "Installing $$(grep -c '==' $<) locked packages for development: up to two minutes, only this once"
	@$(INSTALL)
	@touch $@ $(VENV)/.base
