# `make demo` is all a newcomer needs; Python 3.11 or newer is all it asks for.
.DEFAULT_GOAL := help
.PHONY: help setup demo run test check format bench train eval lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.requirements

help:  ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Virtual environment with the pinned packages

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python не найден: нужен Python 3.11 или новее." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Нужен Python 3.11 или новее, а это $$("$(PYTHON)" --version 2>&1). Укажите другой: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Создаю окружение $(VENV) ($$("$(PYTHON)" --version))"
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Не удалось создать окружение. В Debian и Ubuntu: apt install python3-venv" >&2; exit 1; }

# The stamp holds what was installed: a changed list is installed again, an unchanged one costs nothing.
$(STAMP): requirements.txt | $(BIN)/python
	@if ! cmp -s requirements.txt $(STAMP); then \
		echo "Устанавливаю пакеты из requirements.txt"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt && cp requirements.txt $(STAMP); \
	else touch $(STAMP); fi

# The shell is replaced, so that Ctrl-C and SIGTERM reach the one process that stops everything.
demo: setup  ## Everything with demo businesses and stand-ins of the outside, until Ctrl-C (PORT, LEADHUB_DATA)
	@exec $(BIN)/python -m leadhub.embedded demo --with-parent

run: setup  ## Everything without demo data and stand-ins, until Ctrl-C
	@exec $(BIN)/python -m leadhub.embedded run --with-parent

# Three workers for two cores: one that walks around a whole product mostly waits. Their processes compile each module
# once, whatever the shell says.
test: setup  ## Every test
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

check: setup  ## Style, import order, types, Django's checks, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py check
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: setup  ## Lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## Measure on throw-away data; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

train: setup  ## Fit the understanding's weights to assistant/training/texts (two minutes)
	@$(BIN)/python manage.py train $(ARGS)

eval: setup  ## Measure the understanding on held-back texts; peers join in when requirements-eval.in is installed
	@$(BIN)/python manage.py eval $(ARGS)

# A list made on Python 3.11.3 or newer leaves out what redis needs below it.
lock: setup  ## Pin requirements.in again
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	@$(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --output-file requirements.txt requirements.in
	@grep -q '^async-timeout' requirements.txt || printf '%s\n' \
		'async-timeout==5.0.1 ; python_full_version < "3.11.3"' '    # via' '    #   -r requirements.in' '    #   redis' \
		>> requirements.txt

clean:  ## Remove the environment and test data (never .data of the demo)
	rm -rf $(VENV) .data/test .pytest_cache .ruff_cache .mypy_cache .import_linter_cache staticfiles
