# `make` runs the pipeline; `make help` lists the rest. Works with GNU make from 3.81 on.

# The pinned environment comes first on PATH, so that `python` in dvc.yaml is its Python.
IN_VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"
INSTALLED = .venv/.installed
TESTING = .venv/.testing
ONNX = .venv/.onnx

INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes
COMPILE = uv pip compile --upgrade --universal --fork-strategy fewest --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

# What DVC writes and Git keeps: `make back` brings it back also where nothing can be computed.
COMMITTED = params.yaml dvc.lock metrics plots

# What `make sweep` varies, and how many experiments run at a time. Each seed is a training more.
DROPOUT = 0,0.1,0.3,0.5
PATIENCE = 1,2,5
SEEDS = 10
JOBS = 2

# What `make compare` compares, and with what: BASELINE=dropout=0,patience=5; empty: the committed parameters.
METRIC = validation.loss
BASELINE =

define UNREACHABLE

==== Fashion-MNIST cannot be reached: running scikit-learn's embedded digits INSTEAD, as a changed parameter.
==== The same by hand: dvc exp run -S dataset=digits

endef
define NO_MODELS

The committed parameters, metrics, tables and the README's pictures are back. The prepared data and the
models are not here: once Fashion-MNIST can be reached, `make` makes them again.
endef
export UNREACHABLE NO_MODELS

.PHONY: repro report back experiments study sweep compare predict export verify unit test acceptance bench format lock clean clean-epochs help

repro: $(INSTALLED) ## run the whole pipeline (dvc repro) and show the results; the same as just `make`
	@export $(IN_VENV); python -m stages.commands.fetch; status=$$?; \
	case $$status in \
		0) dvc repro ;; \
		3) echo "$$UNREACHABLE" && dvc exp run --set-param dataset=digits ;; \
		*) exit $$status ;; \
	esac && python -m stages.commands.summary

# As `dvc plots diff --open` does it, so on Linux, macOS and WSL alike; without a browser the path will do.
report: repro ## the same, then open the page of the run, plots/report.html
	@echo && echo "The page of the run: $(CURDIR)/plots/report.html"
	@$(IN_VENV) python -c 'from dvc.ui import ui; ui.open_browser("plots/report.html")'

# `dvc exp run` writes params.yaml twice within a second, and where both values have the same length Git takes the
# second for the first: it would show no change and check out nothing. A new time makes it read the files.
back: $(INSTALLED) ## back to the committed parameters and their results, after any experiment
	@git ls-files -z -- $(COMMITTED) | xargs -0 touch
	@git checkout --quiet HEAD -- $(COMMITTED)
	@export $(IN_VENV); python -m stages.commands.mend && python -m stages.commands.fetch; status=$$?; \
	case $$status in \
		0) dvc repro && python -m stages.commands.summary ;; \
		3) dvc checkout --quiet --force 2>/dev/null; echo "$$NO_MODELS"; exit 3 ;; \
		*) exit $$status ;; \
	esac

experiments: $(INSTALLED) ## a table of all experiments, the lowest validation loss first
	@$(IN_VENV) python -m stages.commands.experiments

compare: $(INSTALLED) ## all experiments, seed by seed, with what luck alone would do: a table and plots/comparison.html
	@$(IN_VENV) python -m stages.commands.compare --metric '$(METRIC)' --baseline '$(BASELINE)'

predict: $(INSTALLED) ## what a picture, or each picture in a folder, shows: make predict IMAGE=photo.jpg FORMAT=json
	@$(IN_VENV) python -m stages.commands.predict --format "$${FORMAT:-table}" -- "$$IMAGE"

export: $(INSTALLED) $(ONNX) ## the model for other runtimes, models/model.onnx, checked on the test images
	@$(IN_VENV) python -m stages.commands.export --format onnx

verify: $(INSTALLED) ## make the committed results again, from nothing, and compare every byte
	@$(IN_VENV) python -m stages.commands.verify

study: $(INSTALLED) ## the notes' five trainings with ten seeds each: tables, figures and a page in study/
	@export $(IN_VENV); python -m stages.commands.fetch && dvc repro study/dvc.yaml

sweep: $(INSTALLED) ## experiments over dropout, patience and seeds, several at a time; what is there is not run again
	@export $(IN_VENV); python -m stages.commands.fetch && python -m stages.commands.sweep \
		--set-param 'dropout=$(DROPOUT)' --set-param 'patience=$(PATIENCE)' --seeds '$(SEEDS)' --jobs '$(JOBS)'

unit: $(TESTING) ## lint, and the tests without dvc and without child processes: a minute or two
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder -m 'not (process or dvc or acceptance)'

test: $(TESTING) ## lint, and all tests but the long ones: about six minutes
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

acceptance: $(TESTING) $(ONNX) ## the long tests, most of them on all 60,000 real images
	@$(IN_VENV) pytest -m acceptance --capture=no
	@$(IN_VENV) EXAMPLES=150 pytest tests/test_parameters_together.py tests/training/test_resume.py \
		-k 'together or any_sequence'

bench: $(INSTALLED) ## time and memory beside the notes' plain Keras script, about 15 minutes
	@$(IN_VENV) python -m benchmarks

format: $(TESTING) ## format the code, mend what the linter can mend
	@$(IN_VENV) ruff format .
	@$(IN_VENV) ruff check --fix .

lock: $(INSTALLED) ## pin the newest versions that pyproject.toml allows, with hashes for Python 3.11 to 3.13
	@$(IN_VENV) pip install --quiet uv==0.13.9
	@$(IN_VENV) $(COMPILE) pyproject.toml --output-file requirements.txt
	@$(IN_VENV) $(COMPILE) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	@$(IN_VENV) $(COMPILE) --group onnx --no-deps --constraint requirements.txt --output-file requirements-onnx.txt \
		--python-version 3.11

clean: ## remove the environment; data, models and DVC's cache stay
	rm -rf .venv

clean-epochs: ## empty the store of computed epochs; that costs time only
	rm -rf models/.epochs

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r target text; do \
		printf '  make %-12s %s\n' "$$target" "$$text"; done

# One stamp says that everything was installed. Made anew from nothing when the pins change.
$(INSTALLED): requirements.txt
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "make: $(or $(PYTHON),what is on PATH) is no Python 3.11, 3.12 or 3.13;" \
			"name one: make PYTHON=/path/to/python3.12" >&2; exit 2; \
	fi; \
	mkdir .venv.installing 2>/dev/null || [ ! -d .venv.installing ] || { \
		echo "make: another make is installing the packages; if none is: rmdir .venv.installing" >&2; exit 2; }; \
	trap 'rmdir .venv.installing' EXIT; trap 'exit 130' INT TERM; \
	echo "Installing the pinned packages into .venv (2.7 GB, about two minutes) ..." && \
	"$$found" -m venv --clear .venv && \
	$(INSTALL) -r requirements.txt && \
	touch $@

# What only the tests need.
$(TESTING): requirements-dev.txt $(INSTALLED)
	@echo "Installing what tests (0.2 GB) ..." && $(INSTALL) -r $< && touch $@

# What only `make export` needs.
$(ONNX): requirements-onnx.txt $(INSTALLED)
	@echo "Installing what exports to ONNX (0.1 GB) ..." && $(INSTALL) --no-deps -r $< && touch $@
