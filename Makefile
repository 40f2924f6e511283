# Everything needs only Python 3.11 or newer and make; the rest is installed into .venv.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
KUBERNETES ?=
PIN := $(BIN)/python -m piptools compile --quiet --strip-extras --generate-hashes --no-annotate \
	--no-header --no-emit-find-links --no-emit-index-url --allow-unsafe
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help up drill operator test kube demo e2e e2e-kind chaos check fmt bench images charts docs screenshots lock release clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.registry ## run three peers on this machine: peer1 on 8761, peer2 on 8762, peer3 on 8763
	@exec $(BIN)/eureka-registry up $(ARGS)

drill: $(VENV)/.registry ## kill one of three peers under real clients and show what it costs
	@exec $(BIN)/eureka-registry drill $(ARGS)

operator: $(VENV)/.operator ## install eureka-operator into .venv; then: .venv/bin/eureka-operator plan -f FILE

test: $(VENV)/.test ## run all tests; what cannot run here is listed at the end with the reason
	@$(BIN)/python -m pytest --numprocesses=2 --no-loadscope-reorder $(ARGS)

kube: $(VENV)/.test ## run the tests that need an API server
	@$(BIN)/python -m pytest tests/kube $(ARGS)

e2e: $(VENV)/.test ## run the tests that need nodes: a cluster made here (root, Linux), or KUBECONFIG=...
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

e2e-kind: $(VENV)/.test ## the same on a cluster that kind makes, by Docker or without: KUBERNETES=1.34.4
	@$(BIN)/python -m pytest tests/kind tests/e2e --kind=$(KUBERNETES) $(ARGS)

demo: $(VENV)/.test ## show all of it on a Kubernetes: that of KUBECONFIG=..., or one made for it; Ctrl-C removes it
	@exec env PYTHONPATH=tests $(BIN)/python -m demo $(ARGS)

chaos: $(VENV)/.test ## half an hour of faults at random on a cluster: ARGS="--seed N --minutes M --json FILE"
	@$(BIN)/python -m pytest --numprocesses=0 --capture=no --long tests/e2e/chaos --seed=$$(date +%s) --minutes=30 $(ARGS)

check: $(VENV)/.test ## lint, types, import contracts, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/vulture

fmt: $(VENV)/.test ## format the code
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: $(VENV)/.test ## measure heartbeats, memory, time to ready, time to sight
	@$(BIN)/python -m bench $(ARGS)

images: ## build the images of registry, operator and sidecar, and say how they get onto a cluster
	@charts/images.sh $(ARGS)

charts: $(VENV)/.test ## copy the CRD into the charts, and make the values' schema of it
	@$(BIN)/python -m charts.generate

docs: $(VENV)/.operator $(VENV)/.registry ## make the pages of settings, fields, annotations and reasons
	$(BIN)/python -m eureka_registry.config.reference > docs/configuration.md
	$(BIN)/python -m eureka_sidecar.commands.reference > docs/sidecar-settings.md
	$(BIN)/python -m eureka_operator.commands.reference > docs/injection-reference.md
	$(BIN)/python -m charts.reference EurekaCluster > docs/eurekacluster.md
	$(BIN)/python -m charts.reference EurekaRegistration > docs/eurekaregistration.md

screenshots: $(VENV)/.test ## make docs/images anew, of the dashboard on a cluster
	@EUREKUBE_REWRITE=1 $(BIN)/python -m pytest -n0 tests/e2e/test_dashboard.py $(ARGS)

lock: $(VENV)/.test ## pin what the images install, by version and hash
	$(PIN) --extra registry --output-file registry/requirements.txt pyproject.toml
	$(PIN) --extra operator --output-file operator/requirements.txt pyproject.toml
	echo hatchling | $(PIN) --output-file registry/requirements-build.txt -

release: $(VENV)/.test ## make what is published, in dist: packages, charts, CRDs, images, checksums
	@$(BIN)/python -m release $(ARGS)

clean: ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found as python3 or \
	python3.11 to python3.14. Name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed; on Debian and \
	Ubuntu it needs the package python3-venv" >&2; exit 1; }

$(VENV)/.registry: pyproject.toml | $(BIN)/python
	@echo "installing the registry into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[registry]'
	@touch $@

$(VENV)/.operator: pyproject.toml | $(BIN)/python
	@echo "installing the operator into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[operator]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing the registry and its test tools into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/.registry $(VENV)/.operator $@
