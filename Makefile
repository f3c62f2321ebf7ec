# On a fresh clone: `make demo` cleans a noisy recording, `make check` and `make test` test. What they need goes to .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AGENTS := $(VENV)/agents/bin
# The models that come with undin are compiled when it is installed, out of these.
COMPILED := $(shell find src/undin/model src/undin/compiler src/undin/c -name '*.onnx' -o -name '*.py' -o -name '*.[ch]')
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
# A file stays with one worker, for what its tests share; in this order no long file is left to the end.
IN_PARALLEL := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
# Nobody is there to answer, and pip's own version is none of our business.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo check test test-sanitized test-faces test-release web page apk plugins docs wheels tables clean

help: ## show this help
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

demo: $(VENV)/.demo-installed ## clean examples/noisy.wav: writes enhanced.wav and enhanced.png
	$(BIN)/undin enhance examples/noisy.wav -o enhanced.wav --plot

check: $(VENV)/.test-installed ## check style and types, and run the quick tests, in a minute (installs PyTorch)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(IN_PARALLEL) -m quick

test: $(VENV)/.test-installed ## run all tests but those below, in ten minutes
	$(IN_PARALLEL) -m 'not faces and not release and not sanitized'

test-sanitized: $(VENV)/.test-installed ## run generated C under sanitizers of addresses and undefined behaviour, in two minutes
	$(IN_PARALLEL) -m 'sanitized and not faces and not release'

test-faces: $(VENV)/.faces-installed $(VENV)/.agents-installed $(VENV)/.docs-installed ## test undin in browsers, in Node, in Java, in LiteRT, in voice agents, on other processors, on clusters and as a server, in half an hour
	$(IN_PARALLEL) -m 'faces and not release' --ignore=tests/faces/desktop
	$(BIN)/pytest -m faces tests/faces/desktop # a desktop's sound is timed, so alone
	[ ! -x $(AGENTS)/pytest ] || $(AGENTS)/pytest tests/faces/agents

test-release: $(VENV)/.release-installed ## build a release, and plug-ins for other platforms, and try them, in twenty minutes
	$(IN_PARALLEL) -m release

web: $(VENV)/.test-installed ## build the npm package in bindings/web, for `npm pack` there
	$(BIN)/python bindings/web/build.py

page: web ## build the page in apps/page, to apps/page/dist for any static server
	$(BIN)/python apps/page/build.py

apk: $(VENV)/.test-installed ## build and sign the Android app, to apps/android/build/undin.apk
	$(BIN)/python bindings/android/build.py
	$(BIN)/python apps/android/apk.py

plugins: $(VENV)/.test-installed ## build the plug-ins, to apps/plugins/build (PLUGINS=all: not for this machine alone)
	$(BIN)/python apps/plugins/build.py $(PLUGINS)

docs: page $(VENV)/.docs-installed ## build the site, to build/site: guide, references, sounds, notebooks (five minutes)
	$(BIN)/python docs/site/build.py

wheels: page $(VENV)/.release-installed ## build a release for all platforms, to dist: wheels, kits for C, plug-ins, the npm package
	$(BIN)/python apps/plugins/build.py all --zig
	$(BIN)/python release/build.py

tables: web ## measure again what weights touch: scores, 8 bits, memory, flash (hours; needs ../shared and what docs/full_band.md gathers)
	$(BIN)/python research/quality.py
	$(BIN)/python research/int8.py
	$(BIN)/python research/web.py
	$(BIN)/python research/baselines.py
	$(BIN)/python research/listening.py
	$(BIN)/python research/sounds.py
	$(BIN)/python benchmarks/sizes.py
	$(BIN)/python research/peers.py

# Frameworks of voice agents pin versions of much that tests need newer: they have an environment of their own.
$(VENV)/.agents-installed: pyproject.toml $(VENV)/.test-installed
	$(PYTHON) -m venv $(VENV)/agents
	$(AGENTS)/pip install --quiet --editable '.[livekit,pipecat]' aiortc onnx pytest hypothesis || { rm -rf $(VENV)/agents; echo 'LiveKit Agents and Pipecat could not be installed: tests that need them are skipped'; }
	touch $@

clean: ## remove .venv and what demo and test have made
	rm -rf $(VENV) build dist bindings/web/dist bindings/web/LICENSE apps/page/dist bindings/android/dist bindings/ios/dist apps/android/build apps/plugins/build apps/stm32/build .pytest_cache .ruff_cache .mypy_cache .hypothesis src/*.egg-info enhanced.wav enhanced.png

# The target is pip, not python: where python3-venv is missing, `venv` leaves a python without pip behind.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-installed: pyproject.toml constraints.txt $(COMPILED) | $(BIN)/pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[plot]'
	touch $@

$(VENV)/.test-installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet 'torch==$(TORCH)+cpu' 2>/dev/null || echo 'this package index has no PyTorch $(TORCH)+cpu: taking what it has, which under Linux may bring gigabytes of CUDA'
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	$(BIN)/pip install --quiet pesq || echo 'pesq could not be compiled (apt-get install build-essential python3-dev): tests that need it are skipped'
	touch $(VENV)/.demo-installed $@

$(VENV)/.docs-installed: $(VENV)/.test-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]' || echo 'what makes the site could not be installed: tests that need it are skipped'
	touch $@

$(VENV)/.release-installed: pyproject.toml $(VENV)/.test-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[release]' || echo 'what builds releases could not be installed: tests that need it are skipped'
	touch $@

# 1.6 GB, three minutes.
$(VENV)/.faces-installed: $(VENV)/.release-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[tflite]' tflite-micro || echo 'what writes and runs TFLite could not be installed: tests that need it are skipped'
	$(BIN)/pip install --quiet --constraint constraints.txt pedalboard minihost || echo 'hosts of VST3 could not be installed: tests that need them are skipped'
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[batch]' s3fs 'moto[server]' || echo 'Ray and object storage could not be installed: tests that need them are skipped'
	touch $@
