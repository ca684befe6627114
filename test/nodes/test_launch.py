"""Needs the real `ros2 launch`, which PyPI does not have."""

import shutil
import subprocess
from pathlib import Path

import pytest
from waiting import WAIT

from har_ros.settings import ACTIONNET

ROBOTS = Path(__file__).parent / "launch" / "robots.launch.py"

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None,
    reason="`ros2 launch` is not installed; where it is, run: pytest test/nodes/test_launch.py",
)


def launch(*arguments, path=("har_ros", "actionnet.launch.py")):
    command = ["ros2", "launch", *path, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT).stdout


def test_arguments_reach_the_node(domain):
    """The node reports the first wrong one; each call gets one parameter further."""
    assert "model 'no_such' is unknown" in launch("model:=no_such", "image_topics:=[/a, /b]", "threshold:=1")
    assert "parameter threshold is 1.5" in launch("threshold:=1.5")
    assert "parameter threshold is True" in launch("threshold:=true")
    assert "parameter skip_frames is -2" in launch("skip_frames:=-2")
    assert "parameter image_topics is '/a'" in launch("image_topics:=/a")
    assert "parameter image_topics is empty" in launch("image_topics:=[]")
    assert "parameter image_topics is '[/a'" in launch("image_topics:=[/a")
    assert "[robot.actionnet]" in launch("namespace:=robot", "model:=no_such")
    assert "loading" not in launch("model:=no_such", "log_level:=fatal")


def test_the_server_gets_what_is_given(domain, tmp_path):
    said = launch(f"folder:={__file__}", "namespace:=robot", path=("har_ros", "serve.launch.py"))
    assert f"cannot use {__file__}" in said
    assert "[robot.serve]" in said


def test_a_parameter_file_replaces_the_defaults(domain, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("/**:\n  ros__parameters:\n    model: mine\n    threshold: 0.5\n")
    assert "model 'mine' is unknown" in launch(f"params_file:={path}")
    assert "model 'other' is unknown" in launch(f"params_file:={path}", "model:=other")


def test_every_parameter_is_an_argument_with_its_default(domain):
    shown = launch("--show-args")
    own = ("params_file", "namespace", "log_level", "use_sim_time", "shared_memory")
    for name in (*own, *(row.name for row in ACTIONNET)):
        assert f"'{name}':" in shown
    for default in ("config/actionnet.yaml'", "'[image_raw]'", "'i3d-kinetics-400'", "'0.01'", "'true'", "'-1'"):
        assert f"{default})" in shown


def test_robots_beside_another_package_have_what_each_is_given(domain):
    said = launch(path=[str(ROBOTS)])
    assert "parameter threshold is 1.5" in said
    assert "parameter top_k is 0" in said
    assert "[robot2.actionnet]: loading /nowhere.onnx" in said
    for namespace in ("/robot1", "/robot2", "/"):
        assert f"__ns:={namespace} " in said
    assert "cuda" not in said
