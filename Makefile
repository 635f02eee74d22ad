# make lab     the course in JupyterLab, on the Wild-MNIST notebook
# make wmnist  the same experiment without a screen: table, movie, CSV in runs/wmnist
# make test    every test
# make sync    rebuild library, configuration and README from the notebooks
PY := .venv/bin/python

.PHONY: lab wmnist test sync browser

lab: .venv/lab.ready
	.venv/bin/fer_nb lab course

wmnist: .venv/lab.ready
	.venv/bin/fer_nb wmnist --out runs/wmnist

test: .venv/dev.ready browser
	$(PY) -m pytest

sync: .venv/dev.ready
	$(PY) tools/sync.py

.venv/%.ready: settings.ini setup.py pyproject.toml
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --editable ".[$*]"
	touch $@

# The browser tests need a Chromium or Chrome; a machine without one gets it here.
browser: .venv/dev.ready
	@$(PY) tools/browser.py
