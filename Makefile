# Everything that a person does with a checkout. `make demo` and `make test` need Linux, Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-system lint docs ui accuracy findings bench clean

help:
	@echo "make demo      simulate a scan, characterise it, say where the report lies"
	@echo "make ui        start web UI and daemon on 127.0.0.1:3000"
	@echo "make test      style, types and the whole test suite"
	@echo "make test-system  tests with a real browser; installs Debian's chromium"
	@echo "make accuracy  tables of accuracy on twins with known truth (hours; see docs/accuracy.md)"
	@echo "make findings  length scale, recommended tiling and fast routes, on twins (hours; see docs/findings.md)"
	@echo "make bench     speed beside kikuchipy, scikit-learn and torch (two or three hours; see docs/performance.md)"
	@echo "make clean     remove the virtual environment"

# torch goes first and exactly: it is the largest package and decides which build the others see.
$(READY): constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[development]'
	$(BIN)/python -m microstructure_assets_tests.warm  # compiles once: the file says why
	touch $(READY)

demo: $(READY)
	$(BIN)/microstructure twin data/samples/demo.h5 --overwrite --set rows=100 --set columns=100
	$(BIN)/microstructure characterize data/samples/demo.h5 --name demo

ui: $(READY)
	$(BIN)/microstructure ui

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal --durations 30

docs: $(READY)
	$(BIN)/python -m microstructure_assets.store.contract_page docs/artifacts.md

# Installs what pip does not bring (Debian's packages, as root or through sudo); nothing may be skipped here.
test-system: $(READY)
	command -v chromium >/dev/null || { SUDO=$$(command -v sudo || true); $$SUDO apt-get update -q && $$SUDO apt-get install -q -y chromium; }
	MICROSTRUCTURE_SYSTEM_TESTS=1 $(BIN)/python -m pytest -m system

accuracy: $(READY)
	$(BIN)/python -m benchmarks.accuracy

findings: $(READY)
	$(BIN)/python -m benchmarks.accuracy --only length_scale,best_tiling,routes,binned_curve --results docs/findings --document docs/findings.md

bench: $(READY)
	$(BIN)/python -m benchmarks.speed --document docs/performance.md

clean:
	rm -rf $(VENV)
