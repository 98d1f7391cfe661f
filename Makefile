# make demo | venv | test | bench | docs | lint | lock | clean
# A fresh machine needs only make and Python 3.11 or newer. PYTHON=... picks the interpreter of a new .venv.

PYTHON ?=
RUN := .venv/bin/python
STAMP := .venv/installed
CANDIDATES := $(or $(PYTHON),python3.12 "$$HOME"/.pyenv/versions/3.12*/bin/python python3)
FIND_PYTHON := for py in $(CANDIDATES); do \
	  "$$py" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break; py=; \
	done

.PHONY: demo venv test bench docs lint lock clean

demo: $(STAMP)
	$(RUN) -m experiments.demo

venv: $(STAMP)

# Bytecode is kept, whatever the environment says: the tests start some hundred processes.
test: lint
	PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q

bench: $(STAMP)
	$(RUN) -m experiments.bench

# API pages in build/docs; sphinx, which nothing else needs, is installed when they are first asked for.
docs: $(STAMP)
	@$(RUN) -c 'import sphinx' 2>/dev/null || $(RUN) -m pip install -q -e '.[docs]'
	$(RUN) -m sphinx -q -W -b html docs/api build/docs
	@echo build/docs/index.html

# Types are checked against the annotations of the numpy and jax that Python 3.12 and newer have; 3.11 has older ones.
lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	@if $(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then \
	  $(RUN) -m ty check --no-progress --python .venv; \
	else echo "types: not checked under Python 3.11"; fi

# Always from nothing and stamped last, so that an interrupted install is never taken for a whole one. The interpreter
# is the one beneath an active environment, which may be the very one that goes.
$(STAMP): requirements.lock requirements.txt pyproject.toml
	@$(FIND_PYTHON); \
	test -n "$$py" || { echo "make: no Python >= 3.11 among: "$(CANDIDATES)"; install one or give PYTHON=/path/to/python" >&2; exit 1; }; \
	py=$$("$$py" -c 'import sys; print(sys._base_executable)'); \
	rm -rf .venv; \
	echo "Installing into .venv with $$("$$py" --version) (about 1 GB)"; \
	"$$py" -m venv .venv || { echo "make: $$py cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	if uv --version >/dev/null 2>&1; then uv="uv pip"; \
	elif $(RUN) -m pip install -q uv; then uv="$(RUN) -m uv pip"; \
	else uv=false; fi; \
	UV_COMPILE_BYTECODE=1 $$uv install -q --python $(RUN) -r requirements.lock -e . || { \
	  echo "make: uv could not install; trying pip, which takes a minute longer" >&2; \
	  $(RUN) -m pip install -q -r requirements.lock -e .; }
	@touch $@

# The newest versions inside the ranges of requirements.txt, for every supported Python; needs uv.
lock:
	uv pip compile -q --universal --upgrade --python-version 3.11 --fork-strategy requires-python --no-annotate \
	  --custom-compile-command "make lock" --extra test pyproject.toml -o requirements.lock

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .hypothesis .ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
