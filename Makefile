# make repro   everything: data, training, reports         make test   the tests
# TORCH: what pip installs as torch, a requirement, a wheel or options and a requirement; "installed" takes the one there is
PYTHON ?= python3
VENV ?= .venv
TORCH ?= $(shell grep '^torch==' constraints.txt)

READY := $(VENV)/.ready
export PATH := $(abspath $(VENV))/bin:$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: repro test test-slow lint clean

repro: $(READY)
	dvc repro
	python -m pipelines.sync
	@echo
	@echo "The report: $(abspath reports/index.html)"
	@echo "All runs:   $(VENV)/bin/mlflow ui"

test: $(READY)
	python -m pytest -m "not slow"

test-slow: $(READY)
	python -m pytest -m slow

lint: $(READY)
	ruff check .
	ruff format --check .

clean:
	rm -rf $(VENV)

$(READY): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(if $(filter installed,$(TORCH)),--system-site-packages) $(VENV)
	grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	$(if $(filter installed,$(TORCH)),,$(VENV)/bin/pip install --quiet $(TORCH))
	$(VENV)/bin/pip install --quiet --constraint $(VENV)/constraints.txt --editable '.[test]'
	touch $@
