"""Which versions of libraries are at work."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

COMPUTING = ("har_ros", "numpy", "opencv-python-headless", "openvino", "rosbags")
"""Packages that compute predictions."""


def version_of(package: str) -> str:
    """Return the version of an installed package, "unknown" when it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
