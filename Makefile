# make lab               the course in JupyterLab, on the Wild-MNIST notebook
# make wmnist            the same experiment without a screen: table, movie, CSV in runs/wmnist
# make test              every test but the slow ones: ten minutes
# make all               every test: half an hour
# make fast              those of make test that need neither a browser nor a notebook's kernel
# make quick ROOM=dda    one changed room: export, its tests, its notebook
# make sync              rebuild library, page, README and docs/house.md from their sources
# make site              the course as pages that need no network, in _site
# make lint              style and types
# make floors            the oldest versions that settings.ini allows, in an environment that is thrown away
PY := .venv/bin/python
export OMP_NUM_THREADS ?= 1
export PYTHONDONTWRITEBYTECODE := # a hundred kernels need not compile us anew
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) # many tests wait for a browser or for another process

.PHONY: lab wmnist test all fast quick sync site lint floors browser proxy

lab: .venv/lab.ready
	.venv/bin/fer_nb lab course

wmnist: .venv/lab.ready
	.venv/bin/fer_nb wmnist --out runs/wmnist

test: .venv/dev.ready browser
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

all: .venv/dev.ready browser proxy
	$(PY) -m pytest -n $(WORKERS) --dist worksteal

fast: .venv/dev.ready
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -m "not browser and not notebooks and not slow"

quick: .venv/dev.ready
	$(PY) tools/quick.py $(ROOM)

sync: .venv/dev.ready
	$(PY) tools/sync.py

site: .venv/site.ready
	$(PY) tools/build_site.py

lint: .venv/dev.ready
	.venv/bin/ruff check
	.venv/bin/ty check fer_nb --python .venv

floors: .venv/dev.ready
	$(PY) tools/floors.py

.venv/%.ready: settings.ini setup.py pyproject.toml
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --editable ".[$*]"
	touch $@

# The browser tests need a Chromium or Chrome; a machine without one gets it here.
browser: .venv/dev.ready
	@$(PY) tools/browser.py

# The test with a real JupyterHub needs the proxy in front of it, from the npm registry.
proxy: .venv/dev.ready
	@$(PY) tools/proxy.py
