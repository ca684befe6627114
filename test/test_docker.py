"""docker/Dockerfile: built where docker works; elsewhere what can be read is checked."""

import json
import re
import subprocess

import pytest
from documents import REPOSITORY, robot_pip

DOCKERFILE = REPOSITORY / "docker" / "Dockerfile"


def instructions():
    """Return instruction and arguments of each, with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line]


def arguments(name):
    return [given for instruction, given in instructions() if instruction == name]


@pytest.mark.docker
@pytest.mark.parametrize("distribution", ["jazzy", "humble"])
def test_it_is_built_and_starts_the_node(distribution):
    tag = f"har_ros:{distribution}"
    build = ["docker", "build", "-f", DOCKERFILE, "--build-arg", f"ROS_DISTRO={distribution}", "-t", tag, REPOSITORY]
    subprocess.run(build, check=True)
    wrong = subprocess.run(
        ["docker", "run", "--rm", tag, "threshold:=1.5"], capture_output=True, text=True, timeout=120
    )
    assert "parameter threshold is 1.5" in wrong.stdout + wrong.stderr


def test_its_commands_are_bash():
    for command in arguments("RUN"):
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_it_installs_what_the_readme_says():
    [line] = [part for run in arguments("RUN") for part in run.split("&&") if "pip install" in part]
    assert line.replace('"', "").split() == ["pip", "install", "--no-cache-dir", *robot_pip()]


def test_its_layers_stay_small_and_it_ends_as_a_user():
    for run in arguments("RUN"):
        if "apt-get" in run:
            assert "apt-get update" in run
            assert "rm -rf /var/lib/apt/lists" in run
        for install in re.findall(r"apt-get install[^&]*", run):
            assert "-y --no-install-recommends" in install
    assert arguments("USER") == ["robot"]
    assert json.loads(arguments("ENTRYPOINT")[0])[:2] == ["/bin/bash", "-c"]


def test_what_it_copies_is_there_and_not_ignored():
    ignored = (REPOSITORY / ".dockerignore").read_text().split()
    copied = [given.split()[0] for given in arguments("COPY")]
    assert all((REPOSITORY / name).exists() for name in copied)
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
