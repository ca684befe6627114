"""How much of the processor a container may use, which OpenVINO does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
HIERARCHIES = Path("/sys/fs/cgroup")


def quota(groups: Path = GROUPS, hierarchies: Path = HIERARCHIES) -> float:
    """Return how many cores' time the process may use, infinite without a limit.

    groups: its control groups (cgroups(7)). hierarchies: where those are mounted. Limits are in cpu.max of version 2,
    and in cpu.cfs_quota_us and cpu.cfs_period_us of version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and
    scheduler/sched-bwc.rst); a group has its own and those of the groups above it.
    """
    limits = []
    for folder in _folders(groups, hierarchies):
        with suppress(OSError, ValueError, ZeroDivisionError):  # it has no limit; "max" is no number
            most, period = (folder / "cpu.max").read_text().split()
            limits.append(int(most) / int(period))
        with suppress(OSError, ValueError, ZeroDivisionError):
            most, period = ((folder / f"cpu.cfs_{one}_us").read_text() for one in ("quota", "period"))
            limits.append(int(most) / int(period))
    return min((limit for limit in limits if limit > 0), default=float("inf"))


def _folders(groups: Path, hierarchies: Path) -> Iterator[Path]:
    """Yield the folders of the process's groups that say something of processors, and of those above them."""
    try:
        lines = groups.read_text(errors="surrogateescape").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        controllers, _, place = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _root(hierarchies, controllers)
        folder = root / place.lstrip("/")
        yield folder
        yield from (above for above in folder.parents if above.is_relative_to(root))


def _root(hierarchies: Path, controllers: str) -> Path:
    """Return where a hierarchy is mounted, whose name may have its controllers in another order than the groups."""
    names = sorted(controllers.split(","))
    with suppress(OSError):
        for folder in hierarchies.iterdir():
            if sorted(folder.name.split(",")) == names:
                return folder
    return hierarchies / controllers
