# `make help` lists what there is. Everything lives in .venv; nothing else is installed.
.DEFAULT_GOAL := help
PYTHON ?= python3
INSTALLED := .venv/.installed
AXE := .cache/axe/node_modules/axe-core
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help repro studio test test-browser lint format readme

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

repro: $(INSTALLED) ## run what changed of the pipeline, from an empty folder to dreams
	@git ls-files --others --exclude-standard -- '*.py' | sed 's/^/note: not in git, experiments will miss it: /'
	dvc repro
	@nightmare results

studio: $(INSTALLED) ## open the studio in the browser
	nightmare studio

# One thread for each process: more threads than cores stand in each other's way. The files come in their own order,
# since those with the fewest tests, which would come last, hold the longest.
test: $(INSTALLED) ## run the tests
	OMP_NUM_THREADS=1 pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-browser: $(INSTALLED) ## run the studio's tests in a real Chromium
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	@{ command -v chromium-headless-shell || command -v chromium; } >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get update && apt-get install --yes chromium-headless-shell; } \
		|| { echo "error: no chromium: install chromium-headless-shell, or chromium"; exit 1; }
	@[ -d $(AXE) ] || npm install --prefix .cache/axe --no-save --ignore-scripts --no-audit --no-fund --silent axe-core@4.14.1 \
		|| { echo "error: axe-core could not be fetched with npm"; exit 1; }
	@echo "side by side, and once more (R) where a page was late; then those against a clock"
	NIGHTMARE_BROWSER=1 pytest tests/browser -m 'browser and not alone' --numprocesses 2 --dist worksteal --reruns 1 -rR
	NIGHTMARE_BROWSER=1 pytest tests/browser -m alone --reruns 1 -rR

lint: $(INSTALLED) ## check format, style and types
	ruff format --check
	ruff check
	mypy

format: $(INSTALLED) ## format the code and mend what can be mended on its own
	ruff format
	ruff check --fix

readme: $(INSTALLED) ## write the figures and a dream of the last run into the README
	nightmare results --write README.md
	cp dreams/coffee-energy.png docs/dream.png

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: $(PYTHON) is older than 3.11: run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
