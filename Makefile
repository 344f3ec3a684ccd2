# `make` runs the pipeline; `make help` lists the rest.

export PATH := $(CURDIR)/.venv/bin:$(PATH)
SHELL = /bin/bash  # macOS's make would look for simple commands in the old PATH
PYTHON = python3
PYTEST = pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
COMPILE = uv pip compile --upgrade --universal --fork-strategy fewest --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

.PHONY: repro env report back study explore export verify unit test acceptance bench format lock clean help

repro: .venv/.run ## run everything and show the results; `make` does the same
	@python -m tools.start && python -m tools.summary
env: .venv/.run ## only install the packages into .venv
report: repro ## the same, then open the page of the run
	@python -c 'from dvc.ui import ui; ui.open_browser("plots/report.html")'
# Your own folders and edited sources stay. `touch`: DVC writes twice within a second, and Git may not see the second change.
back: .venv/.run ## return to the committed parameters and results
	@python -m tools.start --check-way-back
	@touch -c params.yaml && git restore --source=HEAD --staged --worktree params.yaml dvc.lock metrics plots
	@{ dvc checkout --quiet --force dvc.yaml || dvc repro; } && python -m tools.summary
study: .venv/.run ## the two studies, without the frozen trainings: five minutes
	@dvc repro study/dvc.yaml
explore: .venv/.dev ## a page to try early stopping and dropout with sliders
	@python -m study.explore && python -c 'from dvc.ui import ui; ui.open_browser("study/explore.html")'
export: .venv/.onnx ## models/model.onnx, for other runtimes
	@python -m tools.export
verify: .venv/.run ## make the committed results again in a clone, and compare every byte
	@python -m tools.verify
unit: .venv/.dev ## lint, and the tests that take no process and little time
	@ruff check . && ruff format --check . && $(PYTEST) -m 'not (trains or process or dvc or acceptance)'
test: .venv/.dev ## lint, and all tests but the long ones
	@ruff check . && ruff format --check . && $(PYTEST)
acceptance: .venv/.dev .venv/.onnx ## the long tests, most of them on all 60,000 images
	@pytest -m acceptance --capture=no
bench: .venv/.run ## time and memory beside the notes' plain Keras
	@python -m benchmarks.bench
format: .venv/.dev ## format the code
	@ruff format . && ruff check --fix .
lock: .venv/.run ## pin the newest versions that pyproject.toml allows, by hash
	@pip install --quiet uv==0.13.9
	@$(COMPILE) pyproject.toml --group dev --output-file .venv/together.txt
	@$(COMPILE) pyproject.toml --constraint .venv/together.txt --output-file requirements.txt
	@$(COMPILE) --group dev --constraint .venv/together.txt --output-file requirements-dev.txt
	@$(COMPILE) --group onnx --no-deps --constraint requirements.txt --output-file requirements-onnx.txt --python-version 3.11
clean: ## remove the environment that make made, and all stored epochs
	@[ ! -e .venv ] || [ -e .venv/.made ] || { echo "make: .venv was not made by make" >&2; exit 2; }
	rm -rf .venv models/.epochs models/.trainings
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 12

.venv/.made:
	@[ ! -e .venv ] || { echo "make: .venv was not made by make; move it away, or type the README's lines" >&2; exit 2; }
	$(PYTHON) -m venv .venv && touch $@
.venv/.run: requirements.txt | .venv/.made
	pip install --quiet --require-hashes -r $< && touch $@
.venv/.dev: requirements-dev.txt .venv/.run
	pip install --quiet --require-hashes -r $< && touch $@
.venv/.onnx: requirements-onnx.txt .venv/.run
	pip install --quiet --require-hashes --no-deps -r $< && touch $@
