# Every target sets up what is missing first (scripts/bootstrap.sh); only Python 3.11 or newer has to be there.
SHELL := /bin/sh
PYTHON := .venv/bin/python
SETUP := sh scripts/bootstrap.sh
# Some machines forbid Python to keep compiled files; each of our many processes would then compile all it imports.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup up test lint audit sbom bench bench-day eval eval-pipelines faults faults-long faults-short words

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what is missing, and nothing else
	@$(SETUP)

up: ## run the whole service here; Ctrl-C stops it
	@$(SETUP) && exec $(PYTHON) -m koudmen.cli up

test: ## every test, against a real PostgreSQL, Valkey and Rasa (ARGS='tests/base -k words' for a part)
	@$(SETUP) && nlu/.venv/bin/python nlu/train.py && exec .venv/bin/pytest $(ARGS)

lint: ## style, types, the order of the rooms, the catalogues, secrets
	@$(SETUP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m koudmen.cli phrases check
	$(PYTHON) scripts/scan_secrets.py

audit: ## known faults in the libraries we use (exit code 3: NOT AUDITED, no service could be asked)
	@$(SETUP) && exec $(PYTHON) scripts/audit.py $(ARGS)

sbom: ## the list of everything we are made of: sbom.json, sbom-nlu.json (CycloneDX)
	@$(SETUP) && exec $(PYTHON) scripts/sbom.py

bench: ## how fast it answers, beside Rasa's own channel; searches and imports of the directory; the staff site
	@$(SETUP) && nlu/.venv/bin/python nlu/train.py && { $(PYTHON) -m tests.bench.directory; directory=$$?; \
		$(PYTHON) -m tests.bench $(ARGS) && $(PYTHON) -m tests.bench.staff && exit $$directory; }

bench-day: ## ten minutes at 120 messages a second (ARGS='--seconds 60' for less)
	@$(SETUP) && nlu/.venv/bin/python nlu/train.py && exec $(PYTHON) -m tests.bench.day $(ARGS)

words: ## collect what is to be translated of the staff site
	@$(SETUP) && .venv/bin/pybabel -q extract -F dashboard/babel.cfg -k N_ --no-location --sort-output --omit-header \
		-o bot/locales/staff.pot dashboard

eval: ## how well it understands; the figures, then cross-validation beside other pipelines
	@$(SETUP) eval && { nlu/.venv/bin/python nlu/eval/run.py $(ARGS); figures=$$?; \
		nlu/.venv/bin/python nlu/eval/compare.py --pipelines two-heads,svc,fasttext --sample 2500 \
		--out docs/evaluation/crossvalidation.md && exit $$figures; }

eval-pipelines: ## the same with Rasa's own default pipeline, one fold (half an hour and more)
	@$(SETUP) eval && exec nlu/.venv/bin/python nlu/eval/compare.py --only-first-fold --sample 2500 \
		--out docs/evaluation/compare.md

faults: ## kill each process in the middle of the work and count what is lost
	@$(SETUP) && nlu/.venv/bin/python nlu/train.py && exec env KOUDMEN_FAULTS=full .venv/bin/pytest tests/faults $(ARGS)

faults-long: ## 100,000 messages in a storm of faults, some 25 minutes (ARGS='--messages 5000' for less)
	@$(SETUP) && nlu/.venv/bin/python nlu/train.py && exec $(PYTHON) -m tests.bench.storm $(ARGS)

faults-short: ## the database and the disk, in a minute
	@$(SETUP) && exec .venv/bin/pytest tests/faults/test_database.py $(ARGS)
