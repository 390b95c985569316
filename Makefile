# reportgen: make report, then open report/index.html. "make help" lists every target and switch.
#
# A stage reads the artefacts of the stages before it and writes its own. Each hangs on its stamp in $(BUILD)/stamps,
# which is rewritten only when what the stage reads has changed in content (settings, sources, images): see
# reportgen/pipeline.py. With JOBS=1 all that is due is made in one process, because importing torch takes seconds.

#? PROFILE  | default | the size of the run: tiny, smoke, default or full
#? MODEL    | zfnet   | zfnet or krizhevsky; with WEIGHTS, a torchvision net or package.module:factory
#? WEIGHTS  |         | load the net: a .safetensors, .pt or .pth file, or DEFAULT (torchvision's)
#? CLASSES  |         | a .csv or .json file with the names of the loaded net's classes
#? SNAPSHOTS |        | a folder of the loaded net's checkpoints: epoch-1.pt, epoch-2.pt, ...
#? LAYERS   |         | which nodes of the net are layers 1 to 5, as in conv1,conv2 or 1=conv1,7=fc
#? DATA     | scenes  | scenes (drawn here), a folder, or a torchvision data set such as CIFAR10
#? PARTS    |         | a COCO file with keypoints: the parts that are masked in figure 8
#? MASKS    |         | where the objects are: a COCO file, or a folder of mask PNGs
#? TRANSFER |         | images of other classes: a folder with one folder for each class
#? IMAGES   |         | further images for figure 7: class/file,class/file
#? SEED     | 0       | seed of everything random
#? EPOCHS   |         | how long the net is trained; the profile says, unless given
#? COMPARE_EPOCHS | | epochs of each comparison net, by the paper's recipe at most COMPARE_PAPER_EPOCHS; the profile says, unless given
#? SEEDS    | 1       | how often the two architectures are trained: from 6, a claim is about them
#? DEVICE   | auto    | auto, cpu, cuda, cuda:1 or mps
#? GPUS     | 1       | GPUs that share training and search; with DEVICE=cpu, processes
#? BUILD    | build   | folder of the artefacts
#? REPORT   | report  | folder of the report
#? FORMAT   |         | single: also report/single.html, the whole page in one file
#? CONFIG   |         | a TOML file of settings, laid over the profile
#? JOBS     | 1       | stages made at the same time, each in a process of its own
#? VENV     | .venv   | folder of the virtual environment; none: use PYTHON as it is
#? PYTHON   | python3 | the Python that makes the environment
#? REQUIREMENTS |     | a requirements.txt of what your own net imports, installed into VENV
#? ANALYSIS |         | make figures: of this analysis only
#? LAYER    |         | make figures: of this layer only
#? MAPS     |         | make figures LAYER=...: these feature maps (0,5,17), or all
#? BASE     |         | make compare: folder of the older report
#? FAIL_ON  |         | make compare: verdict: status 1 where a verdict got worse
#? PORT     | 8000    | make serve: port on this machine

# Where this file lies, seen from where Make runs: empty, or ../reportgen/ after make -f ../reportgen/Makefile, by which
# another repository makes its report.
HERE := $(filter-out ./,$(dir $(firstword $(MAKEFILE_LIST))))
SOURCES = $(if $(HERE),$(abspath $(HERE)),$(CURDIR))

BUILD  = build
REPORT = report
JOBS   = 1
VENV   = $(HERE).venv
PYTHON = python3

# Every switch of the command line, the misspelt ones too: reportgen reads their values from the environment.
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

.PHONY: report figures compare verify help test lint bench serve clean why stamps artefacts setup
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

## make the report: report/index.html, report/report.pdf, report/metrics.json
report: $(READY)
ifeq ($(JOBS),1)
	@$(RUN) run
else
	@$(RUN) stamps
	@$(MAKE) -f $(firstword $(MAKEFILE_LIST)) -j$(JOBS) artefacts
	@$(RUN) summary
endif

## print the paths of the figures, made first where they are not: ANALYSIS=features, LAYER=3, MAPS=0,5,17 or all
figures: $(READY)
	@$(RUN) figures

## say what would be made again, and for what reason
why: $(READY)
	@$(RUN) why

## say what changed since an older report: BASE=path/to/older/report; FAIL_ON=verdict makes it a gate
compare: $(READY)
	@$(RUN) compare

## make the report again in a clean folder, and say whether the bytes are the same
verify: $(READY)
	@$(RUN) verify

## run the tests: all, or TESTS="tests/analyses -k squares"; SLOW=1: those that take long, too
test: REPORTGEN_SWITCHES =
test: $(TESTREADY)
	@REPORTGEN_SLOW='$(SLOW)' PYTHONPATH='$(SOURCES)' $(PY) -m pytest $(or $(TESTS),-n auto --dist worksteal)

## check format, style and types
lint: $(TESTREADY)
	@$(PY) -m ruff format --check reportgen tests
	@$(PY) -m ruff check reportgen tests
	@$(PY) -m mypy

## measure the speed against captum and the bare forward pass: build/bench.json
bench: $(TESTREADY)
	@$(RUN) bench

## show the report at http://localhost:8000
serve: $(READY)
	@$(RUN) serve

## remove the artefacts, the report and the drawn scenes
clean: $(READY)
	@$(RUN) clean

## list the targets and switches
help:
	@echo "Targets:"
	@awk '/^## /{text=substr($$0,4)} /^[a-z]+:/{if(text){split($$1,name,":"); printf "  make %-9s %s\n",name[1],text} text=""}' $(HERE)Makefile
	@echo "Switches, as in make report PROFILE=smoke SEED=3:"
	@awk -F' *[|] *' '/^#\? /{sub(/^#\? */,"",$$1); printf "  %-14s %s%s\n",$$1,$$3,($$2!=""?" ["$$2"]":"")}' $(HERE)Makefile
	@echo "Any setting is a switch too: SECTION_FIELD=value, as in TRAINING_LEARNING_RATE=0.01 or FEATURES_MAPS=24."

# --- the environment ---------------------------------------------------------------------------------------------

setup: $(READY)

$(VENV)/.ready-%: $(HERE)reportgen/bootstrap.py
	@$(PYTHON) -I $< $(VENV) $(HERE)$(if $(filter $@,$(TESTREADY)),requirements-test.lock,requirements.lock)
	@touch $@

$(VENV)/.theirs-%: $(LOCKED)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r '$(REQUIREMENTS)'
	@touch $@

# --- the stages ---------------------------------------------------------------------------------------------------
#
# data -> annotations, transfer
# data -> net -> each analysis -> its drawings -> page, pdf
#
# Which artefact hangs on which, "reportgen stamps" writes to $(BUILD)/stamps/rules.mk, as a compiler writes the
# dependencies of a source file: reportgen/pipeline.py is the one place where a stage is registered.

ifneq ($(words $(BUILD)),1)
# Make cannot name files with spaces: with JOBS=1 it does not have to.
$(if $(filter-out 1,$(JOBS)),$(error BUILD=$(BUILD): with JOBS=$(JOBS) use a path without spaces))
else
-include $(BUILD)/stamps/rules.mk

artefacts: $(BUILD)/page/artefact.json $(BUILD)/pdf/artefact.json

$(BUILD)/%/artefact.json: $(BUILD)/stamps/%.json
	@$(RUN) stage $*
endif
