"""What a benchmark ran on, and whether anything else did."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RCLPY = ("ros-jazzy-rclpy", "ros-kilted-rclpy")
PACKAGES = ("har_ros", "numpy", "openvino", "opencv-python-headless", "onnxruntime", *RCLPY)
BUSY = 0.3
"""Cores that others use, above which figures are not to be trusted."""


def machine() -> dict[str, Any]:
    """Describe processor, cores, load of others, versions and commit. Takes a second."""
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "busy cores before": round(busy_cores(), 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: installed for name in PACKAGES if (installed := _version(name))},
        "commit": commit(),
    }


def cpu() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def busy_cores(seconds: float = 1.0) -> float:
    """Return how many cores are busy while this process sleeps (proc(5), /proc/stat)."""
    before = _ticks()
    time.sleep(seconds)
    total, idle = (now - then for now, then in zip(_ticks(), before, strict=True))
    return (total - idle) / total * (os.cpu_count() or 1) if total else 0.0


def _ticks() -> tuple[int, int]:
    """Return the ticks of all cores since the start, and those in which they waited for work or for a disk."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def commit() -> str:
    """Return the checkout's commit, with -dirty where files differ from it; empty without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
