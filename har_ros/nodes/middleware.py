"""The environment for images at full speed. Imports nothing heavy: a launch file reads it, too."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MMAP_THRESHOLD, TRIM_THRESHOLD = 32 << 20, 512 << 20
"""Bytes up to which glibc's malloc keeps the memory of one image for the next; the first is the most it accepts."""
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD), "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD)}
"""The same for processes that are started later."""
PROFILES = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": "libfastrtps.so*",
    "FASTDDS_DEFAULT_PROFILES_FILE": "libfastdds.so*",
}
"""Where Fast DDS looks for its profile → its library of that time; the second from Kilted on."""
AS_INSTALLED = {"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT"}
"""Leaves Fast DDS as it is installed."""


def shared_memory(profile: Path) -> dict[str, str]:
    """Return the variables that let Fast DDS send images through shared memory; none where the environment decides.

    profile: the file config/fastdds.xml of this package.
    """
    if any(name in os.environ for name in (*PROFILES, *AS_INSTALLED)):
        return {}
    return profiles(profile)


def profiles(profile: Path) -> dict[str, str]:
    """Return the variables that name Fast DDS's profile: that of the Fast DDS that is installed.

    Kilted's reads both, and reports that the transports of the second one are there already.
    """
    folders = [Path(folder) for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    found = (name for folder in folders for name, library in PROFILES.items() if list(folder.glob(library)))
    first = next(found, None)  # as the linker looks for it
    return dict.fromkeys([first] if first else PROFILES, str(profile))


def keep_freed_memory() -> None:
    """Let malloc reuse the memory of one image for the next.

    As installed, glibc gives blocks of that size back to the kernel and gets them again, zeroed page by page:
    3.6 ms of CPU per 640x480 message instead of 2.0 to 2.5. The options' numbers are those of glibc's malloc.h.
    """
    trim_threshold, mmap_threshold = -1, -3
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(mmap_threshold, MMAP_THRESHOLD)
    mallopt(trim_threshold, TRIM_THRESHOLD)
