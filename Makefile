# reportgen: make report, then open report/index.html. "make help" lists every target and switch.
#
# Make makes the environment and passes the switches on. Python decides by content which stages are due
# (reportgen/stages/plan.py, reportgen/pipeline/run.py); "make why" says which, and why.

# This file's folder relative to where Make runs: empty here; ../reportgen/ when another repository makes its report
# with make -f ../reportgen/Makefile.
HERE := $(filter-out ./,$(dir $(firstword $(MAKEFILE_LIST))))
SOURCES = $(if $(HERE),$(abspath $(HERE)),$(CURDIR))

VENV   = $(HERE).venv
PYTHON = python3

# The names of all switches on the command line, misspelt ones too; reportgen reads their values from the environment.
export REPORTGEN_SWITCHES := $(sort $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))

ifneq ($(words $(VENV)),1)
$(error VENV=$(VENV): use one path without spaces)
endif
ifeq ($(VENV),none)
PY        = $(PYTHON)
READY     =
TESTREADY =
else
PY        = $(VENV)/bin/python
LOCKED    = $(VENV)/.ready-$(shell cksum < $(HERE)requirements.lock | cut -d' ' -f1)
TESTREADY = $(VENV)/.ready-$(shell cksum < $(HERE)requirements-test.lock | cut -d' ' -f1)
THEIRS    = $(if $(REQUIREMENTS),$(VENV)/.theirs-$(shell cksum < '$(REQUIREMENTS)' | cut -d' ' -f1))
READY     = $(LOCKED) $(THEIRS)
endif
RUN = PYTHONPATH='$(SOURCES)' '$(PY)' -m reportgen

.PHONY: report figures compare noise verify help test lint bench serve clean why setup
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

## make the report: report/index.html, report/report.pdf, report/metrics.json
report: $(READY)
	@$(RUN) run

## print the paths of the figures, and make those that are due: ANALYSIS=features, LAYER=3, MAPS=0,5,17 or all
figures: $(READY)
	@$(RUN) figures

## say what would be made again, and why
why: $(READY)
	@$(RUN) why

## say what changed since an older report: BASE=path/to/older/report; FAIL_ON=verdict: fail if a verdict got worse
compare: $(READY)
	@$(RUN) compare

## say how much training again changes every number: SEEDS=20 trainings, or WEIGHTS=a.pt,b.pt,c.pt; build/noise.json
noise: $(READY)
	@$(RUN) noise

## make the report again in a clean folder, and say whether the bytes are the same
verify: $(READY)
	@$(RUN) verify

## run the tests: all, or TESTS="tests/analyses -k squares"; SLOW=1: those that take long, too
test: REPORTGEN_SWITCHES =
test: $(TESTREADY)
	@REPORTGEN_SLOW='$(SLOW)' PYTHONPATH='$(SOURCES)' $(PY) -m pytest $(or $(TESTS),-n auto --dist worksteal)

## check format, style and types
lint: $(TESTREADY)
	@$(PY) -m ruff format --check reportgen benchmarks tools tests
	@$(PY) -m ruff check reportgen benchmarks tools tests
	@$(PY) -m mypy

## compare the speed with captum's and with the bare forward pass: build/bench.json
bench: $(TESTREADY)
	@PYTHONPATH='$(SOURCES)' '$(PY)' -m benchmarks

## show the report at http://localhost:8000
serve: $(READY)
	@$(RUN) serve

## remove the artefacts, the report and the drawn scenes
clean: $(READY)
	@$(RUN) clean

## list the targets and switches
help:
	@$(PYTHON) -I $(HERE)tools/help.py

# --- the environment ---------------------------------------------------------------------------------------------

setup: $(READY)

$(VENV)/.ready-%: $(HERE)tools/bootstrap.py
	@$(PYTHON) -I $< $(VENV) $(HERE)$(if $(filter $@,$(TESTREADY)),requirements-test.lock,requirements.lock)
	@touch $@

$(VENV)/.theirs-%: $(LOCKED)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r '$(REQUIREMENTS)'
	@touch $@
