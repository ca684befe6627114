"""What make installs is pinned, and each file has a hash."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["dev/lock.txt", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "dev").glob("lock-*.txt"))]


def names(file):
    """Return the packages that a requirements file and those that it includes ask for, without comments."""
    found = set()
    for line in (ROOT / file).read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found |= names((Path(file).parent / text[3:]).as_posix())
        elif text:
            found.add(normal(re.match(r"[\w.-]+", text).group()))
    return found


def normal(name):
    """Return a package's name as indexes compare them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(file):
    """Return package → version and hashes."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    lines = [line.partition("#")[0] for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = {}
    for line in lines:
        name, version = re.match(r"([\w.-]+)(?:\[\w+\])?==([\w.]+)", line).groups()
        found[normal(name)] = version, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
    return found


@pytest.mark.parametrize("file", [*LOCKS, "dev/build.txt", "dev/data.txt", "dev/triton.txt", "dev/fleet.txt"])
def test_every_package_has_a_version_and_hashes(file):
    assert entries(file)
    assert [name for name, (_, hashes) in entries(file).items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_has_what_is_required_in_the_pinned_versions(lock):
    """After a change of the requirements: make lock."""
    assert names(lock.replace("lock", "requirements")) - set(entries(lock)) == set()
    pinned = dict(line.split("==") for line in (ROOT / "dev" / "constraints.txt").read_text().splitlines() if line)
    versions = {normal(name): version for name, version in pinned.items()}
    assert {
        name: version for name, (version, _) in entries(lock).items() if versions.get(name, version) != version
    } == {}


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_a_lock_of_ros_agrees_with_the_one_of_everything_else(lock):
    """Both are installed, without resolving anything."""
    ros, others = entries(lock), entries(LOCKS[0])
    assert {name: ros[name] for name in ros.keys() & others} == {name: others[name] for name in ros.keys() & others}
