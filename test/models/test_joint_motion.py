"""The network without training that comes with har_ros, to be taught on top of."""

import numpy as np
import openvino
import pytest

from har_ros.backends.backend import BackendSettings
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.learning.embed import embedding_network
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
STANDS = {0: (300, 100), 5: (330, 150), 6: (270, 150), 7: (340, 200), 8: (260, 200), 9: (345, 250), 10: (255, 250)}
STANDS |= {3: (310, 100), 4: (290, 100), 11: (320, 250), 12: (280, 250), 13: (320, 330), 14: (280, 330)}
STANDS |= {1: (305, 95), 2: (295, 95), 15: (320, 400), 16: (280, 400)}
"""Where the joints of COCO are of somebody who stands, in pixels."""


def test_the_embedding_is_where_joints_are_and_how_far_they_move():
    network = embedding_network(find_model("joint-motion"))
    compiled = openvino.Core().compile_model(str(network.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    windows = np.random.default_rng(0).uniform(-1, 1, (3, 32, 13, 3)).astype(np.float32)
    found = compiled(windows)[0]
    positions = windows[..., :2]
    moved = positions[:, 4:] - positions[:, :-4]
    places = positions.reshape(3, 4, 8, 26).mean(axis=2)
    expected = [one.reshape(3, -1) for one in (places, moved.max(axis=1), moved.min(axis=1))]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-6)


@pytest.mark.parametrize(("swing", "label"), [(0, "still"), (2, "still"), (200, "moving")])
def test_by_itself_it_tells_people_who_move_from_those_who_do_not(swing, label):
    """swing: pixels that the joints go to and fro, twice a second."""
    with Recognizer.open("joint-motion", BackendSettings("openvino", "f32"), skeletons=True) as recognizer:
        stream = recognizer.stream(StreamSettings())
        for number in range(40):
            keypoints = np.array([[*STANDS[joint], 0.9] for joint in range(17)], np.float32)
            keypoints[:, 0] += swing * np.sin(number / 25 * 4 * np.pi)
            ready = stream.push(SkeletonFrame(keypoints, (480, 640), round(number * SECOND / 25)))
        assert ready
        [result] = recognizer.recognize([stream])
    assert result.prediction.hypotheses[0].label == label
    assert result.prediction.hypotheses[0].score > 0.8
