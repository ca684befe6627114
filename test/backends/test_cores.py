"""How much of the processor a container may use. The files are as Linux's documentation has them."""

import math

import pytest

from har_ros.backends.openvino.cores import quota

SECOND_VERSION = "0::/pod/node\n"
FIRST_VERSION = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n"


@pytest.fixture
def found(tmp_path):
    """Returns a function that writes a process's groups and what their folders hold, and returns its limit."""

    def write(groups, **files):
        (tmp_path / "cgroup").write_text(groups, errors="surrogateescape")
        for name, text in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return quota(tmp_path / "cgroup", tmp_path / "fs")

    return write


@pytest.mark.parametrize(
    ("above", "own", "limit"),
    [
        ("max 100000", "max 100000", math.inf),
        ("max 100000", "150000 100000", 1.5),
        ("200000 100000", "max 100000", 2.0),
        ("200000 100000", "150000 50000", 2.0),
    ],
)
def test_the_second_version_of_groups_has_the_lowest_of_all_limits(found, above, own, limit):
    assert found(SECOND_VERSION, **{"pod/cpu.max": f"{above}\n", "pod/node/cpu.max": f"{own}\n"}) == limit


@pytest.mark.parametrize("place", ["docker/1", "."])
@pytest.mark.parametrize("mounted", ["cpu,cpuacct", "cpuacct,cpu"])
@pytest.mark.parametrize("named", ["cpu,cpuacct", "cpuacct,cpu"])
def test_the_first_version_is_read_at_its_own_place_and_at_what_a_container_sees_as_the_root(
    found, place, mounted, named
):
    """CentOS 7 names its controllers in another order than others."""
    folder = f"{mounted}/{place}"
    files = {f"{folder}/cpu.cfs_quota_us": "50000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert found(FIRST_VERSION.replace("cpu,cpuacct", named), **files) == 0.5


def test_no_limit_is_none(found):
    files = {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}
    assert found(FIRST_VERSION, **files, **{"memory/cpu.max": "100 100000"}) == math.inf


def test_where_there_are_no_groups_there_is_no_limit(tmp_path):
    assert quota(tmp_path / "cgroup", tmp_path) == math.inf


@pytest.mark.parametrize("groups", ["", "\n", "no groups\n", "0::/caf\udce9\n"])
def test_groups_that_are_written_otherwise_have_the_limit_of_the_root_at_most(found, groups):
    assert found(groups, **{"cpu.max": "50000 100000"}) in (0.5, math.inf)


@pytest.mark.parametrize("limit", ["", "max", "50000", "50000 0", "a b"])
def test_a_limit_that_is_written_otherwise_is_none(found, limit):
    assert found("0::/\n", **{"cpu.max": limit}) == math.inf
