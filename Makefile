# make setup   what all need, into .venv                    make repro  everything: data, training, reports
# make test    the tests                                    make lint   their form
# make faults  does a test notice each of the faults in benchmarks/faults.toml?
# make lock    requirements.lock: the releases of constraints.txt with the sha256 of every file of theirs, torch excepted
# make audit   is anything known against the releases of constraints.txt, torch too? It asks the package index
# make study   the latent dimensions side by side: LATENTS at RATE nats (null: the plain bound; empty: as in params.yaml)
#              and what else is not as in params.yaml: SET="molecules.train.steps=3000 sentences.train.steps=9000"
# TORCH: what pip installs as torch, a requirement, a wheel or options and a requirement; "installed" takes the one there is
PYTHON ?= python3
VENV ?= .venv
TORCH ?= $(shell grep '^torch==' constraints.txt)
LATENTS ?= 2,5,10,20,64
RATE ?= 10

READY := $(VENV)/.ready
export PATH := $(abspath $(VENV))/bin:$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: setup repro study test test-slow faults lint lock audit clean

setup: $(READY)

# The report is there without a tracking server.
repro: $(READY)
	dvc repro
	-python -m pipelines.sync
	@echo
	@echo "The report: $(abspath reports/index.html)"
	@echo "All runs:   MLFLOW_DISABLE_TELEMETRY=true $(VENV)/bin/mlflow ui"

study: $(READY)
	for domain in molecules sentences; do \
	    dvc exp run --queue evaluate@$$domain -S "$$domain.model.latent=$(LATENTS)" -S "$$domain.model.start=null" \
	        $(if $(RATE),-S "$$domain.train.rate=$(RATE)" -S "++$$domain.train.rate_start=null") \
	        $(SET:%=-S %) || exit 1; \
	done
	dvc exp run --run-all
	python -m pipelines.study
	@echo "Table and pictures: $(abspath reports/study)"

test: $(READY)
	python -m pytest -m "not slow" -n auto --dist loadfile

test-slow: $(READY)
	python -m pytest -m slow

faults: $(READY)
	python -m benchmarks.faults

lint: $(READY)
	ruff check .
	ruff format --check .

lock: $(READY)
	pip install --quiet --constraint $(VENV)/constraints.txt uv
	uv pip compile --quiet --no-deps --no-annotate --generate-hashes --custom-compile-command 'make lock' \
	    --output-file requirements.lock $(VENV)/constraints.txt

# Strict: a release that the index says nothing about must not pass for one without faults.
audit: $(READY)
	pip install --quiet --constraint $(VENV)/constraints.txt pip-audit
	pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

clean:
	rm -rf $(VENV)

$(READY): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(if $(filter installed,$(TORCH)),--system-site-packages) $(VENV)
	grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	$(if $(filter installed,$(TORCH)),,$(VENV)/bin/pip install --quiet $(TORCH))
	$(VENV)/bin/pip install --quiet --constraint $(VENV)/constraints.txt --editable '.[test]'
	touch $@
