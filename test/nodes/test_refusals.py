"""What the programs refuse at start."""

import subprocess
from contextlib import contextmanager

import pytest
import rclpy
from clips import moving, write_video
from programs import program
from waiting import WAIT

from har_ros.errors import HarError
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.video_source import VideoSource

SMALL = ("-p", "model:={small}")  # a network that loads fast


@contextmanager
def made(program, arguments):
    """Lend a node that has not started, in a context of its own."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = program(cli_args=["--ros-args", *arguments], context=context)
    try:
        yield node
    finally:
        node.stop()
        node.destroy_node()
        context.try_shutdown()


@pytest.mark.parametrize(
    ("program", "arguments", "reason"),
    [
        (ActionNet, ["-p", "model:=no_such"], "model 'no_such' is unknown; use one of action-recognition-0001"),
        (ActionNet, ["-p", f"model:={'x' * 300}"], "x' cannot be looked for (File name too long); check the path"),
        (ActionNet, ["-p", "backend:=abacus"], "parameter backend is 'abacus'; give one of auto, tensorrt, openvino"),
        (ActionNet, ["-p", "image_topics:=[]"], "parameter image_topics is empty; name one camera topic"),
        (ActionNet, ["-p", "image_topics:=['']"], "parameter image_topics is empty; name one camera topic"),
        (ActionNet, ["-p", "threshhold:=0.5"], "parameter 'threshhold' is unknown; did you mean threshold?"),
        (ActionNet, ["-p", "image_topics:=[/a, /a]"], "parameter image_topics names /a more than once"),
        (ActionNet, ["-p", "image_topics:=['/a b']"], "parameter image_topics has '/a b'; a topic is made of"),
        (ActionNet, ["-p", "image_topics:=/a"], "parameter image_topics is '/a'; give a list of strings"),
        (ActionNet, ["-p", "threshold:=1.5"], "parameter threshold is 1.5; give a number with a decimal point from"),
        (ActionNet, ["-p", "threshold:=1"], "parameter threshold is 1; give a number with a decimal point"),
        (ActionNet, ["-p", "threshold:=.nan"], "parameter threshold is nan; give a number"),
        (ActionNet, ["-p", "skip_frames:=-2"], "parameter skip_frames is -2; give a whole number from -1"),
        (ActionNet, ["-p", "pose_size:=300"], "parameter pose_size is 300; give a multiple of 32 from 0 to 640"),
        (ActionNet, ["-p", "precision:=f8"], "parameter precision is 'f8'; give one of auto, f32, bf16, f16"),
        (ActionNet, ["-p", "device:=NPU", "-p", "backend:=openvino"], "OpenVINO finds no NPU here, only CPU"),
        (ActionNet, ["-p", "labels:=/nowhere.txt"], "the labels /nowhere.txt of i3d-kinetics-400 are not there"),
        (ActionNet, ["-p", "output_blob:=x"], "i3d-kinetics-400: network has no output 'x', it has 'logits'"),
        (ActionNet, ["-p", "skip_frames:=1", "-p", "sample_rate:=9.0"], "skip_frames is 1 and sample_rate 9, but"),
        (ActionNet, ["-p", "image_transport:=theora"], "image_transport is 'theora'; give one of raw, compressed"),
        (
            ActionNet,
            ["-p", "allowed_labels:=[dancing]", *SMALL],
            "allowed label 'dancing' is no class of this network; give one",
        ),
        (
            ActionNet,
            ["-p", "qos_overrides./image_raw.subscription.reliability:=good", *SMALL],
            "/image_raw cannot be used (Unexpected QoS override for policy `reliability`: `good`); check its name and",
        ),
        (ActionNet, ["-p", "max_batch:=0"], "parameter max_batch is 0; give a whole number from 1 to 64"),
        (ActionNet, ["-p", "model:=resnet-18"], "are not there; run: actionnet models fetch resnet-18"),
        (ActionNet, ["-p", "frames:=20"], "cannot take 20 frames; set frames to a multiple of 8"),
        (VideoSource, [], "parameter videos is empty; name one video file"),
        (VideoSource, ["-p", "videos:=[/nowhere.mp4]"], "video '/nowhere.mp4' does not exist; check the path"),
        (VideoSource, ["-p", "videos:=[/dev/null]"], "video '/dev/null' does not exist; check the path"),
    ],
)
def test_wrong_configurations_are_refused_at_start(domain, brightness_card, program, arguments, reason):
    """As on the command line, but in this process."""
    given = [argument.format(small=brightness_card) for argument in arguments]
    with made(program, given) as node, pytest.raises(HarError) as refusal:
        node.start()
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("executable", "arguments", "status", "reason"),
    [
        ("actionnet", ["-p", "model:=no_such"], 1, "[FATAL]"),
        ("actionnet", ["--params-file", "/nowhere.yaml"], 2, "wrong ROS arguments"),
        ("video_source", [], 1, "parameter videos is empty; name one video file"),
        ("record_action", [], 1, "label is empty; name the action"),
    ],
)
def test_a_refusal_is_the_programs_end_without_a_traceback(domain, tmp_path, executable, arguments, status, reason):
    result = subprocess.run(program(executable, *arguments), capture_output=True, text=True, cwd=tmp_path, timeout=WAIT)
    assert result.returncode == status
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("rate", "said"), [("0.0", "at 8 fps"), ("2.0", "at 2 fps"), ("60.0", "at 8 fps")])
def test_a_video_source_says_at_which_rate_it_plays(domain, tmp_path, capfd, rate, said):
    """A video has no more images than its file, whatever the parameter says."""
    path = write_video(tmp_path / "video.avi", moving(), rate=8.0)
    with made(VideoSource, ["-p", f"videos:=[{path}]", "-p", f"rate:={rate}"]) as node:
        node.start()
    assert said in capfd.readouterr().err
