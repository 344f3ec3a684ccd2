# `make` runs the pipeline; `make help` lists the rest. Works with GNU make from 3.81 on.

# The pinned environment comes first on PATH, so that `python3` in dvc.yaml is its Python.
IN_VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"

# What a shell may have set for other programs, and would lead Python or Git elsewhere before a line of ours runs.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY

COMPILE = uv pip compile --upgrade --universal --fork-strategy fewest --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

TOGETHER = .venv/together.txt

IN_PARALLEL = pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder  # a file to a worker, in order

# `make try` and `make sweep` set any of params.yaml, in capitals: DROPOUT=0.5. Where none is named, `make sweep` varies
# these. Each seed is a training more, and so many run at a time.
USUAL = dropout=0,0.1,0.3,0.5 patience=1,2,5
SEEDS = 10
JOBS = 2

# Where they run instead of here: on the workers of a Dask scheduler, tcp://host:8786 (docs/scaling.md).
SCHEDULER =
ELSEWHERE = $(if $(SCHEDULER),--scheduler '$(SCHEDULER)')

# What is compared, and for `make compare` with what: BASELINE=dropout=0,patience=5; empty: the committed parameters.
METRIC = validation.loss
BASELINE =

# Which part of the study `make study` runs: notes or sizes; empty: all.
PART =

# Another name on the command line is a slip, of which make would take no notice: dropout=0, SEED=3. But what programs
# read from the environment may stand there.
KNOBS := $(shell sed -n 's/^\([a-z_]*\):.*/\1/p' params.yaml 2>/dev/null | grep -vx seed | tr a-z A-Z)
NAMES = SEEDS JOBS SCHEDULER METRIC BASELINE IMAGE FORMAT PART PYTHON
OTHERS = FASHION_MNIST_DIR EXAMPLES PYTEST_% SHELL BROWSER HOME TMPDIR LANG LC_% NO_COLOR COLUMNS \
	%_PROXY %_proxy EPOCHS_CAP_GB CUDA_% TF_% DVC_% GIT_% PIP_%
GIVEN = $(foreach word,$(MAKEOVERRIDES),$(firstword $(subst =, ,$(word))))
SLIPS = $(filter-out $(KNOBS) $(NAMES) $(OTHERS),$(foreach name,$(GIVEN),$(if $(filter command,$(origin $(name))),$(name))))
ifneq ($(strip $(SLIPS)),)
$(error no such name: $(strip $(SLIPS)); the names are $(NAMES), and the parameters in capitals)
endif
SETS = $(filter $(KNOBS),$(GIVEN))
ifneq ($(and $(SETS),$(if $(filter try sweep help,$(MAKECMDGOALS)),,x)),)
$(error $(firstword $(SETS)) is for make try and make sweep; one run: dvc exp run -S name=value)
endif
SET = $(foreach name,$(SETS),--set-param '$(shell echo $(name) | tr A-Z a-z)=$($(name))')

.PHONY: ready ready-dev ready-onnx ready-s3 ready-distributed repro report back experiments study try sweep compare predict export verify unit test acceptance bench format lock doctor clean clean-epochs help

repro: ready ## run the whole pipeline, show the results; just `make` too
	@$(IN_VENV); export PATH; python -m stages.commands.repro && python -m stages.commands.summary

# As `dvc plots diff --open` does it, so on Linux, macOS and WSL alike; without a browser the path will do.
report: repro ## the same, then open the page of the run
	@echo && echo "The page of the run: $(CURDIR)/plots/report.html"
	@$(IN_VENV) python -c 'from dvc.ui import ui; ui.open_browser("plots/report.html")'

back: ## back to the committed parameters and their results
	@gone=$$(git ls-files --deleted -- stages 'requirements*.txt' 2>/dev/null); \
		[ -z "$$gone" ] || git checkout --quiet HEAD -- $$gone  # or what brings the rest back could not run
	@$(INSTALL)
	@$(IN_VENV); export PATH; python -m stages.commands.back && python -m stages.commands.summary

experiments: ready ## a table of all experiments, lowest validation loss first
	@$(IN_VENV) python -m stages.commands.experiments

compare: ready ## all experiments, seed by seed, and what luck alone would do
	@$(IN_VENV) python -m stages.commands.compare --metric '$(METRIC)' --baseline '$(BASELINE)'

predict: ready ## what a picture or a folder of them shows: IMAGE=photo.jpg
	@$(IN_VENV) python -m stages.commands.predict --format "$${FORMAT:-table}" -- "$$IMAGE"

export: ready-onnx ## the model for other runtimes: models/model.onnx, checked
	@$(IN_VENV) python -m stages.commands.export --format onnx

verify: ready ## make the committed results again and compare every byte
	@$(IN_VENV) python -m stages.commands.verify

study: ready ## what is said of dropout, over seeds; a part alone: PART=notes
	@$(IN_VENV) python -m study $(if $(PART),'$(PART)')

try: ready ## one question, ten seeds, one answer: DROPOUT=0.5; any parameter
	@$(IN_VENV) python -m stages.commands.answer $(SET) --metric '$(METRIC)' --seeds '$(SEEDS)' --jobs '$(JOBS)' \
		$(ELSEWHERE)

sweep: ready ## a grid of experiments: DROPOUT=0,0.3 OPTIMIZER=adam,sgd SEEDS=10
	@$(IN_VENV) python -m stages.commands.sweep $(or $(SET),$(USUAL:%=--set-param %)) \
		--seeds '$(SEEDS)' --jobs '$(JOBS)' $(ELSEWHERE)

unit: ready-dev ## lint, and the tests that train nothing and start no process: some two minutes
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) $(IN_PARALLEL) -m 'not (trains or process or dvc or acceptance)'

test: ready-dev ## lint, and all tests but the long ones: some 25 minutes
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) $(IN_PARALLEL)

acceptance: ready-dev ready-onnx ready-s3 ready-distributed ## the long tests, most of them on all 60,000 real images
	@$(IN_VENV) pytest -m acceptance --capture=no
	@$(IN_VENV) EXAMPLES=150 pytest tests/test_parameters_together.py tests/training/test_resume.py \
		-k 'together or any_sequence'

bench: ready ## time and memory beside the notes' plain Keras: 15 minutes
	@$(IN_VENV) python -m benchmarks

format: ready-dev ## format the code, mend what the linter can mend
	@$(IN_VENV) ruff format .
	@$(IN_VENV) ruff check --fix .

# First all together, so that what is installed beside the rest fits it; then each by itself, of those versions.
lock: ready ## pin the newest versions that pyproject.toml allows, by hash
	@$(IN_VENV) pip install --quiet uv==0.13.9
	@$(IN_VENV) $(COMPILE) pyproject.toml --group dev --group s3 --group distributed --output-file $(TOGETHER)
	@$(IN_VENV) $(COMPILE) pyproject.toml --constraint $(TOGETHER) --output-file requirements.txt
	@$(IN_VENV); export PATH; for group in dev s3 distributed; do \
		$(COMPILE) --group $$group --constraint $(TOGETHER) --output-file requirements-$$group.txt || exit 1; done
	@$(IN_VENV) $(COMPILE) --group onnx --no-deps --constraint requirements.txt --output-file requirements-onnx.txt \
		--python-version 3.11

doctor: ## what this machine lacks, and what to do about it
	@$(FIND); "$$found" -m stages.commands.doctor

clean: ## remove the environment that make made, and nothing else
	@if [ -L .venv ] || { [ -d .venv ] && [ ! -e .venv/.made-by-make ]; }; then \
		echo "make: .venv was not made by make, so it is left as it is" >&2; exit 2; fi
	rm -rf .venv

clean-epochs: ## empty the store of computed epochs; that costs time only
	rm -rf models/.epochs

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r target text; do \
		printf '  make %-13s%s\n' "$$target" "$$text"; done

# A Git clone, and the pinned packages in .venv, with what tests and what exports beside: stages/commands/install.py.
ready: ; @$(INSTALL)
ready-dev: ; @$(INSTALL) dev
ready-onnx: ; @$(INSTALL) onnx
ready-s3: ; @$(INSTALL) s3
ready-distributed: ; @$(INSTALL) distributed

FIND = found=; for python in .venv/bin/python $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "make: $(or $(PYTHON),what is on PATH) is no Python 3.11, 3.12 or 3.13;" \
			"name one: make PYTHON=/path/to/python3.12" >&2; exit 2; \
	fi

INSTALL = $(FIND); "$$found" -m stages.commands.install
