# How Recurrent Networks Learn: `make book` builds the book, `make test` proves it.
# Both make the environment .venv first, and again whenever the requirements change.

# The first Python on this machine that the package supports; or say `make PYTHON=python3.12 test`.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

# Continuous integration (CI set in the environment) also installs the heavy oracles and Numba.
comma := ,
EXTRAS := book,test,coursework,dev$(if $(CI),$(comma)oracles$(comma)fast)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed$(if $(CI),-with-oracles)
PEERS := $(VENV)/.installed-with-peers
WORKERS ?= 2

# The programs of the environment come first; one thread for BLAS, since the tests use the cores.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OPENBLAS_NUM_THREADS := 1

heading = @printf '\n=== %s\n' '$(1)'

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test lint test-package test-mutants test-coursework load test-notebooks test-book notebooks experiments bench serve environment clean distclean

help:  ## print this list
	@echo 'How Recurrent Networks Learn. Commands:'
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## */  make \1|/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

# Sphinx writes the page of a module anew only if the module is newer, even if the page lacks what is
# documented of it by now: such pages of an earlier build go first.
book: $(STAMP)  ## build the book into _build/html (every warning is an error)
	$(call heading,Build of the book)
	@rm -rf _build/html/_modules
	@jupyter-book build . -W -n --keep-going --all

# Marking waits for much of its time, and has limits of time: the stages beside it (~) stand back.
test: $(STAMP)  ## prove the package, the marking, every notebook and every built page
	@MAKE='$(MAKE)' python tools/stages.py \
		'test-coursework/~lint,test-package,test-mutants' 'test-notebooks/book,test-book'

lint: $(STAMP)  ## style, types, and the normal form of the notebooks
	$(call heading,Style: ruff)
	@ruff check .
	@ruff format --check .
	$(call heading,Types: mypy)
	@mypy
	$(call heading,Notebooks: executed and in normal form)
	@python tools/notebooks.py check

# Tracing every line takes half as long again, so that is for continuous integration.
test-package: $(STAMP)  ## the tests of rnncore; where CI is set, with coverage
	$(call heading,Tests of the package)
	@pytest -p no:nbval rnncore tests --ignore=tests/book --doctest-modules -m 'not slow' -n $(WORKERS) $(if $(CI),--cov=rnncore --cov-report=term)

test-mutants: $(STAMP)  ## the mutants of every derivative, and the other slow tests of rnncore
	$(call heading,Mutants of every derivative$(comma) and memory over long sequences)
	@pytest -p no:nbval tests --ignore=tests/book --ignore=tests/coursework -m slow -n $(WORKERS)

test-coursework: $(STAMP)  ## mark the hostile submissions for real (uses two cores by itself)
	$(call heading,Coursework: hostile submissions$(comma) real kernels$(comma) a command killed and resumed)
	@pytest -p no:nbval tests/coursework -m slow -p no:cacheprovider

load: $(STAMP)  ## mark a class of 300, and some with stock nbgrader beside it (minutes)
	@python -W ignore -m tests.coursework.load

test-notebooks: $(STAMP)  ## run every notebook and compare every output with the stored one
	$(call heading,Every notebook$(comma) run again and compared with its stored outputs)
	@pytest notebooks --nbval --nbval-current-env --nbval-sanitize-with tests/book/sanitize.cfg \
		-n $(WORKERS) --dist loadfile -p no:cacheprovider

test-book:  ## the tests of the notebooks' form and of the built pages (after make book)
	$(call heading,Tests of the notebooks and of the built pages)
	@pytest -p no:nbval tests/book

notebooks: $(STAMP)  ## format every notebook, execute it anew and store it in normal form
	$(call heading,Notebooks: format$(comma) execute$(comma) normalise)
	@ruff check --quiet --select I --fix notebooks
	@ruff format --quiet notebooks
	@python tools/notebooks.py run

experiments: $(STAMP)  ## redo the long runs whose stored results the chapters read (minutes)
	@set -e; for script in experiments/*/run.py; do echo "$$script"; python $$script; done

bench: $(PEERS)  ## time the package beside PyTorch, JAX and reservoirpy (half an hour, idle machine)
	$(call heading,Benchmarks: one question after the other)
	@set -e; for question in bptt floor rtrl online reservoir imports scaling; do \
		python -m benchmarks.$$question $(BENCH); done

serve: book  ## build the book and serve it at http://localhost:8000
	@python -m http.server --directory _build/html 8000

environment: $(STAMP)  ## make .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	$(call heading,Environment: $(VENV))
	@[ -n '$(PYTHON)' ] && $(PYTHON) -c '$(SUPPORTED)' || { \
		echo 'This book needs Python 3.11, 3.12 or 3.13; "$(or $(PYTHON),python3)" is not one of them.'; \
		echo 'Install one, or name it: make PYTHON=/path/to/python3.12 test'; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

# What the benchmarks compare with, on top of everything else.
$(PEERS): $(STAMP)
	$(call heading,Environment: peers for the benchmarks)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[oracles,fast,bench]'
	@touch $@

clean:  ## remove everything that was built or cached
	rm -rf _build build *.egg-info .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find rnncore benchmarks coursework tests tools book notebooks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## remove the environment too
	rm -rf $(VENV)
