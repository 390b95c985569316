# reportgen: make report, then open report/index.html. "make help" lists every target and switch.
#
# Make makes the environment and passes the switches on. Python decides by content which stages are due
# (reportgen/stages/plan.py, reportgen/pipeline/run.py); "make why" says which, and why.

# Values are values: Make would expand what a switch contains, and run $(shell ...) in it. From here on each switch of
# the command line is its letters, and no recipe holds one: programs read them from the environment. The loop's variable
# has a name that Make exports to no program.
override GIVEN := $(foreach one-name,$(.VARIABLES),$(if $(filter command,$(origin $(one-name))),$(one-name)))
override ODD := $$ : % \# / \ ( ) ; & | ' " , . -
override PLAIN := $(foreach one-name,$(GIVEN),$(if $(strip $(foreach an-odd,$(ODD),$(findstring $(an-odd),$(one-name)))),,$(one-name)))
$(foreach one-name,$(PLAIN),$(eval override $(one-name) := $$(value $(one-name))))
$(foreach one-name,$(PLAIN),$(eval export $(one-name)))

# The names of all switches, misspelt ones too.
override REPORTGEN_SWITCHES := $(sort $(GIVEN))
# Where this file is: another repository makes its report with make -f ../reportgen/Makefile.
override REPORTGEN_MAKEFILE := $(value MAKEFILE_LIST)

VENV =
PYTHON = python3
REQUIREMENTS =
TORCH =
export REPORTGEN_SWITCHES REPORTGEN_MAKEFILE VENV PYTHON REQUIREMENTS TORCH

override TOOLS = "$$(dirname -- "$${REPORTGEN_MAKEFILE\# }")/tools
override START = "$$PYTHON" -I $(TOOLS)/start.py"
override RUN = $(START) requirements.lock -m reportgen
override TEST = $(START) requirements-test.lock -m

.PHONY: report figures graph compare history noise verify help test lint bench serve clean why setup
override MAKEFLAGS += --no-print-directory

## make the report: report/index.html, report/report.pdf, report/metrics.json
report:
	@$(RUN) run

## print the paths of the figures, and make those that are due: ANALYSIS=features, LAYER=3, MAPS=0,5,17 or all
figures:
	@$(RUN) figures

## say what would be made again, and why
why:
	@$(RUN) why

## print and draw the stages, and what is due: build/graph.svg
graph:
	@$(RUN) graph

## say what changed since an older report: BASE=path/to/older/report; FAIL_ON=verdict,moved
compare:
	@$(RUN) compare

## draw accuracy, verdicts and time over the last commits: HISTORY=history.jsonl, a line for each report
history:
	@$(RUN) history

## say how much training again changes every number: SEEDS=20 trainings, or WEIGHTS=a.pt,b.pt,c.pt; build/noise.json
noise:
	@$(RUN) noise

## make the report again in a clean folder, and say whether the bytes are the same
verify:
	@$(RUN) verify

## run the tests: all, or TESTS="tests/analyses -k squares"; SLOW=1: those that take long, too
test:
	@$(TEST) pytest

## check format, style and types
lint:
	@$(TEST) ruff format --check reportgen benchmarks tools tests
	@$(TEST) ruff check reportgen benchmarks tools tests
	@$(TEST) mypy

## compare the speed with captum's and with the bare forward pass: build/bench.json
bench:
	@$(TEST) benchmarks

## show the report at http://localhost:8000
serve:
	@$(RUN) serve

## remove the artefacts, the report and the drawn scenes
clean:
	@$(RUN) clean

## list the targets and switches
help:
	@"$$PYTHON" -I $(TOOLS)/help.py"

setup:
	@$(START) requirements.lock
