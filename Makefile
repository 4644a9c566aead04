VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO = demo
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --no-compile -q -c constraints.txt

# Modules are compiled when they are first imported, not all of PyTorch beforehand: half a minute less.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test clean

# The main job on the clip that ships: compress, look, restore, measure.
demo: $(VENV)/installed
	mkdir -p $(DEMO)
	$(BIN)/imfn compress examples/clip.mp4 -r 16 -o $(DEMO)/memories.safetensors --force
	$(BIN)/imfn compress examples/clip.mp4 -o $(DEMO)/clip.safetensors --force
	$(BIN)/imfn info $(DEMO)/clip.safetensors
	$(BIN)/imfn decompress $(DEMO)/clip.safetensors -o $(DEMO)/clip.restored.mp4 --force
	$(BIN)/python examples/compress_and_restore.py examples/clip.mp4

test: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers 2
	$(BIN)/mypy --strict examples/*.py
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist worksteal --durations 10

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[dev,eval,baselines,export,arrays,remote]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) $(DEMO) build dist
