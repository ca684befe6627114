"""The launch files, executed with a stand-in for launch; test_launch.py has the real one where it is installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from waiting import WAIT

from har_ros.commands.serve import parser
from har_ros.nodes.middleware import profiles
from har_ros.settings import ACTIONNET

REPOSITORY = Path(__file__).parents[2]
STAND_IN = REPOSITORY / "test" / "stand_in" / "run_launch.py"
SHARE = Path(get_package_share_directory("har_ros"))
ACTIONNET_FILE = SHARE / "launch" / "actionnet.launch.py"
CONFIG = str(SHARE / "config" / "actionnet.yaml")
PROFILE, *_ = profiles(Path("any.xml"))  # its name depends on the distribution
OURS = (PROFILE, "MALLOC_MMAP_THRESHOLD_")


@pytest.fixture
def launch(tmp_path):
    """Executes a launch file in a Python that has the standard library, PyYAML, ament_index_python and har_ros only."""
    for name in ("yaml", "ament_index_python"):
        (tmp_path / name).symlink_to(importlib.util.find_spec(name).submodule_search_locations[0])
    (tmp_path / "har_ros").symlink_to(REPOSITORY / "har_ros")

    def run(*arguments, path=ACTIONNET_FILE, **environment):
        command = [sys.executable, "-I", "-S", STAND_IN, tmp_path, path, *arguments]
        cleared = {name: value for name, value in os.environ.items() if name not in OURS}
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, env={**cleared, **environment})
        assert done.returncode == 0, done.stderr
        return SimpleNamespace(**json.loads(done.stdout))

    return run


def test_it_starts_the_node_with_what_is_given_and_needs_nothing_heavy(launch):
    given = ["image_topics:=[/a, /b]", "threshold:=1", "model:=123", "overlay:=false", "allowed_labels:=['no']"]
    (node,) = launch(*given, "namespace:=robot", "use_sim_time:=true", "log_level:=debug").started
    assert [node[key] for key in ("package", "executable", "namespace")] == ["har_ros", "actionnet", "robot"]
    assert node["arguments"] == ["--ros-args", "--log-level", "debug"]
    file, values = node["parameters"]
    assert file == CONFIG
    expected = {"image_topics": ["/a", "/b"], "threshold": 1.0, "model": "123", "overlay": False}
    assert values == {**expected, "allowed_labels": ["no"], "use_sim_time": True}
    assert type(values["threshold"]) is float


def test_what_is_not_given_stays_as_the_parameter_file_has_it(launch):
    assert [node["parameters"] for node in launch("params_file:=/my.yaml").started] == [["/my.yaml"]]
    assert [node["parameters"] for node in launch("params_file:=/my.yaml", "top_k:=5").started] == [
        ["/my.yaml", {"top_k": 5}]
    ]


def test_each_argument_shows_its_default_which_can_be_given(launch):
    shown = {argument["name"]: argument for argument in launch().declared}
    assert shown["params_file"]["default"] == CONFIG
    assert {"namespace", "log_level", "use_sim_time", "shared_memory"} < set(shown)
    for row in ACTIONNET:
        text = shown[row.name]["default"]
        value = text if isinstance(row.default, str) else yaml.safe_load(text)
        assert value == ([] if row.default == [""] else row.default)
        assert type(value) is type(row.default)
        assert row.description in shown[row.name]["description"]
    given = [f"{row.name}:={shown[row.name]['default']}" for row in ACTIONNET]
    (node,) = launch(*given).started
    assert node["parameters"][1] == {row.name: row.default for row in ACTIONNET if row.default != ""}


def test_it_says_what_it_was_given(launch):
    assert launch().said == []
    assert launch("device:=cuda:0", "another:=1").said == ["actionnet.launch.py was given device:=cuda:0"]


def test_its_defaults_reach_no_other_file(launch):
    assert launch("threshold:=0.3", "another:=1").left == {"threshold": "0.3", "another": "1"}


def test_shared_memory_is_for_the_node_unless_the_environment_says_otherwise(launch):
    def environment(*arguments, **given):
        (node,) = launch(*arguments, **given).started
        return [node["environment"].get(name) for name in OURS]

    profile = str(SHARE / "config" / "fastdds.xml")
    assert environment() == [profile, str(32 << 20)]
    assert environment(MALLOC_MMAP_THRESHOLD_="1") == [profile, "1"]
    assert environment("shared_memory:=false") == [None, None]


def test_robots_beside_another_package_have_what_each_is_given(launch):
    nodes = launch(path=Path(__file__).parent / "launch" / "robots.launch.py").started
    assert [(node["namespace"], node["parameters"]) for node in nodes] == [
        ("robot1", [CONFIG, {"threshold": 1.5}]),
        ("robot2", [CONFIG, {"model": "/nowhere.onnx"}]),
        ("", [CONFIG, {"top_k": 0}]),
    ]


def test_the_server_gets_what_is_given_and_its_defaults(launch):
    path = SHARE / "launch" / "serve.launch.py"
    (node,) = launch("host:=0.0.0.0", "token:=/t.txt", "namespace:=robot", path=path).started
    assert [node[key] for key in ("package", "executable", "namespace")] == ["har_ros", "serve", "robot"]
    options, ros = node["arguments"][:-3], node["arguments"][-3:]
    given = parser("serve").parse_args(options)
    assert (given.host, given.port, given.token, given.models) == ("0.0.0.0", 8765, Path("/t.txt"), None)
    assert ros == ["--ros-args", "--log-level", "info"]
    shown = {argument["name"]: argument["default"] for argument in launch(path=path).declared}
    defaults = vars(parser("serve").parse_args([]))
    assert (shown["host"], shown["port"]) == (defaults["host"], str(defaults["port"]))
    assert set(shown) - {"namespace", "log_level"} <= set(defaults)


def test_the_example_of_two_robots(launch):
    folder = REPOSITORY / "examples" / "bringup"
    nodes = launch(path=folder / "two_robots.launch.py").started
    assert [(node["namespace"], node["parameters"]) for node in nodes] == [
        (name, [str(folder / f"{name}.yaml")]) for name in ("robot1", "robot2")
    ]
