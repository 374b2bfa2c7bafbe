# Every command creates .venv by itself; `make help` lists them.
#   PYTHON=python3.12       another Python for a new environment (3.11 or newer)
#   CONSTRAINTS=file.txt    other pinned versions; CONSTRAINTS= for none
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
STAGES ?=
EXTRAS ?= lab,dev
BENCH ?=
FUZZ ?=
SUBSETS ?=
FOLDER ?= data_samples
GPU ?=
VENV := .venv
# where it is set, every command would compile torch anew, which takes longer than most of them do
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help env demo test test-slow subsets-test slurm-test gpu fuzz compare-readers bench docs docs-test readme pictures export lab browser-test clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

env: ## create or refresh .venv (every other command does so too)
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)': install Python 3.11 or newer, or say which: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) tools/environment.py --folder $(VENV) --constraints "$(CONSTRAINTS)" --extras "$(EXTRAS)"

demo: env ## the model that ships on recordings that ship, then a small pretraining; writes demo/report.html
	@$(BIN)/spotr demo --out demo

test: env ## the checks, in minutes; some only: make test STAGES="drift docs"; the documentation's too: STAGES=all
	@$(BIN)/python tools/test.py $(STAGES)

test-slow: EXTRAS = lab,dev,slow
test-slow: env ## the notebooks' slow cells too; of some only: make test-slow NOTEBOOKS="training/04 corpus/"
	@$(BIN)/python tools/test.py notebooks --flags slow --only "$(NOTEBOOKS)"

subsets-test: env ## parts of the requirements, each in an environment of its own; some only: make subsets-test SUBSETS=reading
	@$(BIN)/python tools/subsets.py --constraints "$(CONSTRAINTS)" $(SUBSETS)

slurm-test: env ## sweeps on a real Slurm of one machine; as root, installs Debian's slurm-wlm and munge if they are missing
	@$(BIN)/python tools/slurm_test.py --install

gpu: env ## one GPU, under eight minutes: correctness, speed, pretraining, into gpu/; make gpu GPU="--corpus packed"
	@$(BIN)/python tools/gpu.py $(GPU)

fuzz: env ## damage recordings, models, corpora, checkpoints at random: make fuzz FUZZ="recordings -n 100000 --seconds 3600"
	@$(BIN)/python tools/fuzz.py $(FUZZ)

compare-readers: env ## this package's readers beside wfdb's and MNE's, over a folder: make compare-readers FOLDER=recordings
	@$(BIN)/python tools/compare_readers.py $(FOLDER)

bench: EXTRAS = lab,dev,bench
bench: env ## the benchmark notebooks into bench/; some only: make bench BENCH="speed scaling"
	@$(BIN)/python tools/bench.py $(BENCH)

docs: env ## build the documentation into _site/
	@$(BIN)/python tools/docs.py

readme: env ## run nbs/index.ipynb and write README.md from it
	@$(BIN)/python tools/readme.py

pictures: docs ## the pictures of README and landing page, after the model or the pages changed (needs Chromium)
	@$(BIN)/python tools/pictures.py
	@$(BIN)/python tools/pictures.py --gallery _site

export: env ## clean the notebooks and write spotr_nb/ from them
	@$(BIN)/nbdev-clean
	@$(BIN)/nbdev-export

lab: env ## open JupyterLab in nbs/
	@$(BIN)/jupyter lab nbs

docs-test: env ## build the documentation into _site/: no warning, nothing fetched from other hosts
	@$(BIN)/python tools/test.py docs

browser-test: env ## the explorer in a real JupyterLab in Chromium, and the site; with SITE=_site not built anew
	@$(if $(SITE),,$(MAKE) docs)
	@$(BIN)/python tools/browser_test.py

clean: ## remove what was built; .venv and demo/ stay
	rm -rf _site _proc build dist spotr_nb.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -not -path './$(VENV)/*' -prune -exec rm -rf {} +
