"""The environment in which images travel at full speed. Imports nothing heavy: a launch file reads it, too."""

from __future__ import annotations

import os
from pathlib import Path

MMAP_THRESHOLD, TRIM_THRESHOLD = 32 << 20, 512 << 20
"""Bytes up to which glibc's malloc keeps the memory of one image for the next; the first is the most it accepts."""
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD), "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD)}
"""The same for processes that are started later."""
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Where Fast DDS looks for its profile; the second name from Kilted on."""
AS_INSTALLED = {"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT"}
"""Leaves Fast DDS as it is installed."""


def shared_memory(profile: Path) -> dict[str, str]:
    """Return the variables that let Fast DDS send images through shared memory; none where the environment decides.

    profile: the file config/fastdds.xml of this package.
    """
    if any(name in os.environ for name in (*PROFILES, *AS_INSTALLED)):
        return {}
    return dict.fromkeys(PROFILES, str(profile))
