# On a machine without ROS: `make demo` and `make test` do everything. On a robot, use colcon (see README.md).
SHELL := /bin/bash
PYTHON ?= python3
# Which ROS from PyPI: `make test ROS_DISTRO=kilted`; all but Jazzy have folders of their own. A shell that has sourced
# ROS has a variable of this name, which is not meant.
ROS_DISTRO := jazzy
ROOT := $(if $(filter-out jazzy,$(ROS_DISTRO)),build/$(ROS_DISTRO)/)
VENV := $(ROOT).venv
BUILD := $(ROOT)build
INSTALL := $(ROOT)install
ifeq ($(wildcard dev/requirements-$(ROS_DISTRO).txt),)
$(error ROS_DISTRO is $(ROS_DISTRO), of which PyPI has no wheels; it can be: $(patsubst dev/requirements-%.txt,%,$(wildcard dev/requirements-*.txt)))
endif
DURATION ?= 30
MINUTES ?= 30
# Tests that run at a time: one more than there are cores, since those of the nodes wait for each other.
JOBS ?= $(shell expr $$(nproc) + 1)
SOURCES := $(shell find har_ros action msg scripts launch config dev/vision_msgs dev/hri_msgs -type f -not -name '*.pyc') CMakeLists.txt package.xml
# The annotations are for Jazzy's rclpy: in Kilted's, the same classes are generic.
TYPES := $(if $(ROOT),:,mypy)
ROS := source $(VENV)/bin/activate && source $(INSTALL)/local_setup.bash

# Another ROS that the shell has sourced would be mixed with the one in .venv.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH RMW_IMPLEMENTATION \
    _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: demo demo-eval serve test test-finetune docs generate bench quality skeletons falls everyday-14 soak constraints lock sbom clean

demo: $(INSTALL)/.built $(if $(findstring --triton,$(ARGS)),$(VENV)/.triton)
	@$(ROS) && python dev/demo.py --duration $(DURATION) $(ARGS) $(VIDEOS)

demo-eval: $(INSTALL)/.built
	@$(ROS) && python dev/demo_eval.py $(ARGS) $(VIDEOS)

# The page and the HTTP API, without a robot.
serve: $(INSTALL)/.built
	@$(ROS) && actionnet serve $(ARGS)

test: $(INSTALL)/.built build/node/.ready build/mlserver/.ready $(VENV)/.triton $(VENV)/.fleet
	@$(ROS) && ruff check . && ruff format --check . && $(TYPES) && lint-imports --config pyproject.toml && pytest -n $(JOBS) --dist worksteal $(ARGS)

test-finetune: $(INSTALL)/.built $(VENV)/.finetune
	@$(ROS) && pytest -m finetune $(ARGS)

# What comes from the table of parameters.
generate: $(INSTALL)/.built
	@$(ROS) && python dev/generate.py

# Warnings are errors, and unknown references too; nothing is downloaded.
docs: $(VENV)/.ready
	@source $(VENV)/bin/activate && sphinx-build -W --keep-going -n -q docs build/docs && echo "build/docs/index.html"

bench: $(INSTALL)/.built
	@$(ROS) && python benchmarks/run.py $(ARGS)

quality: $(INSTALL)/.built
	@$(ROS) && python benchmarks/quality.py $(DATA) --plot docs/images/continual.png

# What everyday-14 says of people in real videos.
skeletons: $(INSTALL)/.built
	@$(ROS) && python benchmarks/skeletons.py $(DATA)

# Falls of people who were not taught with.
falls: $(INSTALL)/.built
	@$(ROS) && python benchmarks/falls.py $(DATA)

# Trains the network for skeletons that comes with har_ros, and measures it; DATA is jhmdb.npz.
everyday-14: $(VENV)/.finetune
	@source $(VENV)/bin/activate && python dev/everyday/train.py $(DATA)

soak: $(INSTALL)/.built
	@$(ROS) && python benchmarks/soak.py --minutes $(MINUTES)

# The package is built through links: CMake refuses include folders (numpy's, in .venv) below its own source folder.
$(INSTALL)/.built: $(VENV)/.ready $(SOURCES)
	@mkdir -p $(BUILD)/src/har_ros && ln -sfn $(CURDIR)/{har_ros,action,msg,scripts,launch,config,CMakeLists.txt,package.xml} $(BUILD)/src/har_ros
	@mkdir -p $(INSTALL) && find $(INSTALL) -xtype l -delete  # of modules that went or moved
	@source $(VENV)/bin/activate && AMENT_PREFIX_PATH=$$VIRTUAL_ENV CMAKE_PREFIX_PATH=$$VIRTUAL_ENV \
	    colcon --log-base $(ROOT)log --log-level error build --build-base $(BUILD) --install-base $(INSTALL) \
	    --event-handlers console_direct- --symlink-install --base-paths $(BUILD)/src/har_ros dev/vision_msgs dev/hri_msgs
	@touch $@

# Every file that comes from an index is compared with its hash. Nothing is resolved, and empy, which has no wheel, is
# built with the setuptools of dev/build.txt.
PIP_INSTALL := $(VENV)/bin/pip install -qq --disable-pip-version-check --no-deps
$(VENV)/.ready: setup.py dev/make_stubs.sh dev/build.txt dev/lock.txt dev/lock-$(ROS_DISTRO).txt dev/data.txt
	@dev/check_machine.sh $(PYTHON)
	@name=$(ROS_DISTRO); echo "Installing ROS 2 $${name^}, OpenVINO and the demo's data from PyPI into $(VENV), 2.1 GB; this takes a minute or two"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) --require-hashes -r dev/build.txt
	@$(PIP_INSTALL) --require-hashes --no-build-isolation -r dev/lock.txt -r dev/lock-$(ROS_DISTRO).txt
	@$(PIP_INSTALL) --require-hashes -r dev/data.txt
	@$(VENV)/bin/python dev/relocate_wheels.py
	@dev/make_stubs.sh $(VENV)
	@$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

# What tests run under node, every file compared with its hash. Without npm, or a network, these tests are skipped.
build/node/.ready: dev/node/package.json dev/node/package-lock.json
	@mkdir -p $(@D) && rm -f $@ && cp $^ $(@D)
	@if ! command -v npm > /dev/null; then echo "There is no npm: tests that run under node are skipped"; exit; fi; \
	echo "Installing tus-js-client from npm into $(@D), two minutes at most"; \
	timeout 120 npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund --fetch-retries 1 && touch $@ \
	    || { rm -rf $(@D)/node_modules; echo "npm could not install it: tests that run under node are skipped"; }

# A server of 55 MB. Where pip has none for this machine (glibc below 2.35), the tests that start it are skipped.
$(VENV)/.triton: $(VENV)/.ready dev/triton.txt
	@timeout 300 $(PIP_INSTALL) --require-hashes -r dev/triton.txt && touch $@ \
	    || echo "pip could not install Triton's server: tests that start it are skipped"

# A second server of the Open Inference Protocol; it asks for other versions than har_ros. Where pip has none (Python 3.13),
# its test is skipped.
build/mlserver/.ready: dev/mlserver.txt
	@$(PYTHON) -m venv --clear $(@D)
	@timeout 300 $(@D)/bin/pip install -qq --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@ \
	    || echo "pip could not install MLServer: its test is skipped"

# Ray, and a server of S3. Where pip has none for this machine (Ray's wheels need x86_64 or aarch64 and glibc
# 2.17), the tests that start a cluster are skipped.
$(VENV)/.fleet: $(VENV)/.ready dev/fleet.txt
	@timeout 300 $(PIP_INSTALL) --require-hashes -r dev/fleet.txt && touch $@ \
	    || echo "pip could not install Ray: tests that start a cluster are skipped"

# PyTorch is large (several GB where pip takes its CUDA packages), so `make test` does without it. Its versions are
# pinned without hashes: which files pip takes depends on the machine.
$(VENV)/.finetune: $(VENV)/.ready requirements-finetune.txt
	@$(VENV)/bin/pip install -qq --disable-pip-version-check -r requirements-finetune.txt -c dev/constraints.txt
	@touch $@

# The newest versions for the oldest Python that is supported, since they are there for the newer ones too.
constraints:
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install -qq -r dev/requirements.txt -r requirements-finetune.txt
	@$(VENV)/bin/pip freeze > dev/constraints.txt
	@rm -f dev/lock-*.txt
	@$(MAKE) lock

# The hashes of all files that PyPI has of these versions, so that they hold for every Python and processor. The versions
# of ROS's packages are those of its lock, if there is one.
COMPILE := build/tools/bin/uv pip compile -q --no-python-downloads --python-version 3.10 --universal \
    --generate-hashes --no-strip-extras --no-header --no-annotate --constraints dev/constraints.txt
lock: build/tools/.ready
	@echo setuptools | $(COMPILE) --output-file dev/build.txt -
	@$(COMPILE) --output-file dev/lock.txt dev/requirements.txt
	@for list in dev/requirements-*.txt; do $(COMPILE) --output-file $${list/requirements/lock} $$list; done
	@grep ^python-dateutil dev/constraints.txt > build/tools/fleet.txt  # botocore asks for <3, and works with it
	@$(COMPILE) --override build/tools/fleet.txt --output-file dev/fleet.txt dev/fleet-requirements.txt
	@$(filter-out --constraints dev/constraints.txt,$(COMPILE)) --output-file dev/mlserver.txt dev/mlserver-requirements.txt

# What is installed, for those who look for vulnerable versions: CycloneDX.
sbom: build/tools/.ready
	@build/tools/bin/cyclonedx-py requirements --of JSON -o sbom.json - < <(cat dev/lock.txt dev/lock-$(ROS_DISTRO).txt)
	@echo "sbom.json"

build/tools/.ready:
	@$(PYTHON) -m venv --clear build/tools
	@build/tools/bin/pip install -qq --disable-pip-version-check uv cyclonedx-bom
	@touch $@

clean:
	rm -rf .venv build install log demo_output sbom.json
