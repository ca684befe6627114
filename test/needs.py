"""What some tests need of the machine. Each returns why it is not there, with the remedy; an empty string: it is."""

import importlib.util
import os
import shutil
import subprocess
from functools import cache

from har_ros.errors import BackendMissingError


@cache
def gpu():
    try:
        from har_ros.backends.tensorrt import engine  # noqa: F401
        from har_ros.backends.tensorrt.cuda import Device

        Device().close()
    except BackendMissingError as error:
        return f"{error}; where there is a GPU, run: pytest -m gpu"
    return ""


@cache
def rtx():
    try:
        from har_ros.backends.tensorrt import engine
    except BackendMissingError as error:
        return str(error)
    if engine.IS_RTX:
        return ""
    return "only TensorRT for RTX builds for a GPU that is not there; run: pip install tensorrt_rtx"


def finetune():
    if all(importlib.util.find_spec(name) for name in ("torch", "lightning", "tensorboard")):
        return ""
    return "PyTorch, Lightning or TensorBoard is not installed; run: make test-finetune"


@cache
def docker():
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        return ""
    return "docker does not work here; where it does, run: pytest -m docker"


def root():
    return "" if os.getuid() == 0 else "it gives files to another user, which only root can; run it as root"


NEEDS = {"gpu": gpu, "rtx": rtx, "finetune": finetune, "docker": docker, "root": root}
"""By the mark of the tests that need it."""
