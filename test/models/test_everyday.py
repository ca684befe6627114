"""The network for skeletons that comes with har_ros, through the node's pipeline."""

import numpy as np
import onnx
import openvino
import pytest

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.errors import ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import NAMES, SkeletonFrame, arranged
from har_ros.graphs.prepare import merged
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.persons.estimator import PoseEstimator
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.people import People
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings
from har_ros.recordings.source import open_source

SECOND = 1_000_000_000
WINDOW = 1.5
"""Seconds."""
F32 = BackendSettings("openvino", "f32")
ALL = ScoreSettings(top_k=15, threshold=0.0)
JHMDB = {"shoulder": (4, 3), "hip": (6, 5), "elbow": (8, 7), "knee": (10, 9), "wrist": (12, 11), "ankle": (14, 13)}
"""Numbers of its left and right joints; its face (2) is the ears' middle."""


@pytest.fixture(scope="module")
def recognizer():
    with Recognizer.open("everyday-14", F32, skeletons=True) as recognizer:
        yield recognizer


@pytest.fixture(scope="module")
def clips(shared_data):
    """Every fourth clip of JHMDB as a camera would see it, and its action."""
    with np.load(shared_data / "jhmdb" / "jhmdb.npz") as data:
        poses = np.split(data["poses"], np.cumsum(data["lengths"])[:-1])
        return [coco(clip) for clip in poses[::4]], [str(data["names"][label]) for label in data["labels"][::4]]


def coco(clip):
    keypoints = np.zeros((len(clip), 17, 3), np.float32)  # nose and eyes are not in JHMDB
    keypoints[:, 3:5, :2] = clip[:, 2:3]
    for part, sides in JHMDB.items():
        for side, joint in zip(("left", "right"), sides, strict=True):
            keypoints[:, NAMES.index(f"{side}_{part}"), :2] = clip[:, joint]
    keypoints[:, 3:, :2] = 300 + 150 * keypoints[:, 3:, :2]
    keypoints[:, 3:, 2] = 0.9
    return keypoints


def watched(recognizer, keypoints, rate=30.0):
    """A stream that has seen a clip in the middle of a window; before and after it nobody moves."""
    more = max(0, int(np.ceil((WINDOW * rate - len(keypoints)) / 2)))
    stream = recognizer.stream(StreamSettings())
    for number, one in enumerate([*[keypoints[0]] * more, *keypoints, *[keypoints[-1]] * more]):
        stream.push(SkeletonFrame(one, (480, 640), round((1 + number / rate) * SECOND), "camera"))
    return stream


def answers(recognizer, clips, rate=30.0):
    """Probabilities of all labels, clips×15."""
    rows = []
    for result in recognizer.recognize([watched(recognizer, clip, rate) for clip in clips], ALL):
        scores = {one.label: one.score for one in result.prediction.hypotheses}
        rows.append([scores[label] for label in recognizer.labels])
    return np.array(rows)


def leaders(recognizer, rows):
    return np.array(recognizer.labels)[rows.argmax(axis=1)]


def test_the_card_fits_the_network():
    assert actionnet(["models", "check", "everyday-14"]) == 0
    model = find_model("everyday-14")
    assert len(model.labels()) == 15
    assert model.labels()[-1] == "nothing"
    assert model.path("everyday-14.onnx").stat().st_size <= 4_000_000


def test_it_is_listed(capsys):
    assert actionnet(["models"]) == 0
    assert "32 skeletons" in capsys.readouterr().out


def test_it_names_the_actions_that_it_was_trained_with(recognizer, clips):
    """No figure: these are training clips. But joints or labels in another order would show."""
    keypoints, actions = clips
    right = leaders(recognizer, answers(recognizer, keypoints)) == [
        name.replace("pullup", "pull up") for name in actions
    ]
    assert right.mean() > 0.9


def test_half_precision_says_the_same(recognizer, clips):
    """As TensorRT gets the network."""
    pytest.importorskip(
        "onnxconverter_common", reason="onnxconverter-common is not installed; run: pip install onnxconverter-common"
    )
    [network] = prepared_networks(find_model("everyday-14"))
    model, core = merged(network, half=True), openvino.Core()
    onnx.shape_inference.infer_shapes(onnx.load_from_string(model), check_type=True, strict_mode=True)
    halved = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    windows = []
    for clip in [*clips[0][::10], np.zeros((40, 17, 3), np.float32)]:
        with watched(recognizer, clip).window() as seen:
            windows.append(arranged(seen, network.skeletons, 25)[0])
    full = recognizer.network.backend.infer(windows)
    np.testing.assert_allclose(halved(np.stack(windows))[0], full, atol=0.02)


def test_a_slow_camera_sees_the_same(recognizer, clips):
    keypoints, _ = clips
    fast = leaders(recognizer, answers(recognizer, keypoints))
    slow = leaders(recognizer, answers(recognizer, [clip[::3] for clip in keypoints], 10.0))
    assert (fast == slow).mean() > 0.8


def test_size_and_place_of_a_person_do_not_matter(recognizer, clips):
    keypoints = clips[0][::10]
    moved = [np.concatenate([3 * one[..., :2] + 50, one[..., 2:]], axis=2) for one in keypoints]
    np.testing.assert_allclose(answers(recognizer, keypoints), answers(recognizer, moved), atol=2e-3)


def test_a_mirror_changes_little(recognizer, clips):
    keypoints, _ = clips
    other = [NAMES.index(name.replace("left", "*").replace("right", "left").replace("*", "right")) for name in NAMES]
    mirrored = [one[:, other] * [-1, 1, 1] + [640, 0, 0] for one in keypoints]
    here, there = answers(recognizer, keypoints), answers(recognizer, mirrored)
    assert (leaders(recognizer, here) == leaders(recognizer, there)).mean() > 0.9


def test_windows_that_run_together_are_as_those_alone(recognizer, clips):
    keypoints = clips[0][:9]
    together = answers(recognizer, keypoints)
    alone = np.concatenate([answers(recognizer, [clip]) for clip in keypoints])
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("known", [0, 3])
def test_somebody_of_whom_nearly_nothing_is_seen_does_nothing(recognizer, clips, known):
    keypoints = np.array(clips[0][0])
    keypoints[:, 5 + known :, 2] = 0
    keypoints[:, :5, 2] = 0
    rows = answers(recognizer, [keypoints])
    assert np.isfinite(rows).all()
    assert leaders(recognizer, rows) == ["nothing"]


def test_any_joint_may_be_lost(recognizer, clips):
    keypoints = []
    for joint in range(17):
        clip = np.array(clips[0][joint])
        clip[:, joint] = np.nan
        keypoints.append(clip)
    assert np.isfinite(answers(recognizer, keypoints)).all()


@pytest.mark.parametrize(
    ("video", "begin", "end", "said"), [("s2_adl_23", 0, 4, "sit"), ("s1_fall_15", 4, 6, "nothing")]
)
def test_real_people(recognizer, movenet, shared_data, video, begin, end, said):
    """Somebody on a bed, and somebody who lies after a fall; the network has seen neither."""
    people, votes = People(recognizer, StreamSettings(), TrackSettings()), []
    with PoseEstimator.open(movenet, F32) as estimator:
        for frame in open_source(str(shared_data / "falls" / f"{video}.mp4")):
            if not begin * SECOND <= frame.stamp < end * SECOND:
                continue
            image = CameraImage.of_array(frame.pixels, frame.stamp, "bgr8")
            [poses] = estimator.estimate([image])
            assert not isinstance(poses, ModelError)
            ready = people.update(image, poses).ready
            votes += [one.prediction.hypotheses[0].label for one in recognizer.recognize([p.stream for p in ready])]
    assert votes
    assert votes.count(said) > len(votes) / 2
