"""MoveNet on real video, and pose networks and cards that do not fit."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper
from small_networks import INPUT, one_person, rtmo_network, save_onnx

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.models.card_file import load_card
from har_ros.models.locate import find_pose_model
from har_ros.persons.estimator import PoseEstimator
from har_ros.settings import POSE_CARDS

F32 = BackendSettings("openvino", "f32")
REFERENCE = json.loads((Path(__file__).parent / "movenet_reference.json").read_text())
"""What the published graph gives for the first frame of a video in 256×256 (TensorFlow 2.21, its own decoding): a row
for each person from a score of 0.25 on, y, x and confidence of each joint, the box, the score; 1 is 256 pixels."""


@pytest.fixture(scope="module")
def estimator(movenet):
    with PoseEstimator.open(movenet, F32) as estimator:
        yield estimator


@pytest.mark.parametrize("video", REFERENCE)
def test_people_are_those_of_the_published_graph(estimator, shared_data, video):
    readable, pixels = cv2.VideoCapture(str(shared_data / video)).read()
    assert readable
    [poses] = estimator.estimate([CameraImage.of_array(pixels, 1)])
    side = max(pixels.shape)
    reference = np.array(REFERENCE[video])
    found = poses.select(poses.scores >= 0.25)
    assert len(found) == len(reference)
    np.testing.assert_allclose(found.scores, reference[:, 55], atol=0.02)
    joints = reference[:, :51].reshape(-1, 17, 3)
    sure = joints[:, :, 2] > 0.2
    distance = np.abs(found.keypoints[:, :, :2] - joints[:, :, 1::-1] * side).max(axis=2)
    assert distance[sure].max() <= side / 256  # a pixel of the network's input
    np.testing.assert_allclose(found.boxes, reference[:, [52, 51, 54, 53]] * side, atol=side / 256)


def test_images_of_any_shape_run_together(estimator, shared_data):
    _, pixels = cv2.VideoCapture(str(shared_data / "falls" / "s1_adl_10.mp4")).read()
    upright = np.ascontiguousarray(pixels[:, 300:700])
    images = [CameraImage.of_array(image, 1) for image in (pixels, upright, np.zeros((3, 500, 3), np.uint8))]
    together = estimator.estimate(images)
    for poses, image in zip(together, images, strict=True):
        [alone] = estimator.estimate([image])
        np.testing.assert_array_equal(poses.keypoints, alone.keypoints)
    assert len(together[2]) == 0


def test_a_larger_input_finds_people_in_the_same_place(movenet, estimator, shared_data):
    _, pixels = cv2.VideoCapture(str(shared_data / "falls" / "s2_fall_12.mp4")).read()
    image = CameraImage.of_array(pixels, 1)
    with PoseEstimator.open(movenet, F32, 384) as larger:
        [small], [large] = estimator.estimate([image]), larger.estimate([image])
    assert larger.shape == (384, 384, 3)
    np.testing.assert_allclose(large.boxes[0], small.boxes[0], atol=30)


SPEC = {**INPUT, "layout": "NCHW", "height": 64, "width": 64, "range": [0, 1]}


def pose_card(folder, decode, output, *, size=64, brightest=2.0):
    """Write the card of a network that always gives `output`, and NaN for images brighter than `brightest` (white: 1).

    output: an array, or the shape of one of zeros, which are nobody.
    """
    output = np.zeros(output, np.float32) if isinstance(output, tuple) else output
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["brightest", "mean"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["zero", "root"], ["nothing"]),
        helper.make_node("Add", ["always", "nothing"], ["people"]),
    ]
    constants = {"always": output, "zero": np.float32(0), "brightest": np.float32(brightest)}
    inputs = {"images": (TensorProto.FLOAT, [1, 3, size, size])}
    save_onnx(folder / "pose.onnx", nodes, inputs, {"people": (TensorProto.FLOAT, output.shape)}, constants)
    card = {
        "name": "pose",
        "kind": "pose",
        "description": "a test",
        "licence": "none",
        "input": SPEC,
        "decode": decode,
        "network": {"file": "pose.onnx"},
    }
    (folder / "pose.yaml").write_text(yaml.safe_dump(card))
    return str(folder / "pose.yaml")


@pytest.mark.parametrize(
    ("decode", "output", "reason"),
    [
        ("movenet", (1, 56, 84), "the output is 1×56×84 float32, where movenet reads ?×90×?×? float32; check decode"),
        ("yolo-pose", (1, 90, 16, 16), "where yolo-pose reads ?×56×? float32; check decode"),
        ("yolo-pose", (1, 57, 84), "1×57×84 float32, where yolo-pose reads"),
        ("rtmo", (1, 56, 84), "pose.onnx gives people 1×56×84, where rtmo reads N×P×5 and N×P×17×3; check decode"),
    ],
)
def test_a_card_with_the_wrong_decoding_is_refused(tmp_path, decode, output, reason):
    with pytest.raises(ModelError, match=reason.replace("?", r"\?").replace("the output", "network's output")):
        PoseEstimator.open(pose_card(tmp_path, decode, output), F32)


def test_a_network_that_gives_no_numbers_at_once_is_refused(tmp_path):
    with pytest.raises(ModelError, match="pose network's output is not finite"):
        PoseEstimator.open(pose_card(tmp_path, "yolo-pose", (1, 56, 84), brightest=-1), F32)


def test_only_the_image_whose_people_are_not_finite_suffers(tmp_path):
    images = [CameraImage.of_array(np.full((8, 8, 3), grey, np.uint8), 1) for grey in (0, 255, 10)]
    with PoseEstimator.open(pose_card(tmp_path, "yolo-pose", (1, 56, 84), brightest=0.5), F32) as estimator:
        dark, white, grey = estimator.estimate(images)
    assert isinstance(white, ModelError)
    assert [len(dark), len(grey)] == [0, 0]


def sure_of(decode, confidence, joints):
    """What a network of three places says that is sure of one person and of the joints."""
    if decode == "movenet":
        heads = np.zeros((90, 16, 16), np.float32)
        heads[0, 5, 5], heads[1:3, 5, 5], heads[5:22, 5, 5] = confidence, 8, joints
        return heads[None]
    people = np.zeros((3, 56), np.float32)
    people[1] = [20, 20, 10, 10, confidence, *np.ravel([(22, 22, joints)] * 17)]
    return (people.T if decode == "yolo-pose" else people)[None]


@pytest.mark.parametrize(("confidence", "joints"), [(1.5, 0.5), (0.5, 3.0), (-4.0, 0.5), (0.5, -2.0)])
@pytest.mark.parametrize("decode", ["movenet", "yolo-pose"])
def test_a_network_whose_confidences_are_no_probabilities_is_refused(tmp_path, decode, confidence, joints):
    """Exported without its last sigmoid, say; the trial shows it, where nobody scores enough, too."""
    with pytest.raises(ModelError, match=r"pose gives confidences from .* to .*, where .* reads 0 to 1; check decode"):
        PoseEstimator.open(pose_card(tmp_path, decode, sure_of(decode, confidence, joints)), F32)


@pytest.mark.parametrize("decode", ["movenet", "yolo-pose"])
def test_confidences_that_are_only_rounded_are_within_0_and_1(tmp_path, decode):
    card = pose_card(tmp_path, decode, sure_of(decode, 1.004, 1.003))
    with PoseEstimator.open(card, F32) as estimator:
        [poses] = estimator.estimate([CameraImage.of_array(np.zeros((64, 64, 3), np.uint8), 1)])
    assert len(poses) == 1
    assert poses.scores.max() == poses.keypoints[:, :, 2].max() == 1


def test_only_the_image_whose_confidences_are_no_probabilities_suffers(tmp_path):
    """The score is the image's brightness, of 0 to 4."""
    card = one_person(tmp_path, brightest=4)
    card.write_text(card.read_text().replace("- 1\n", "- 4\n"))
    images = [CameraImage.of_array(np.full((64, 64, 3), grey, np.uint8), 1) for grey in (20, 100, 30)]
    with PoseEstimator.open(str(card), F32) as estimator:
        dark, bright, grey = estimator.estimate(images)
    assert isinstance(bright, ModelError)
    assert "confidences from" in str(bright)
    assert [len(dark), len(grey)] == [1, 1]


def test_an_rtmo_export_finds_its_people_in_the_image_s_pixels(tmp_path):
    """Both its outputs are read; the image is twice as large as the network's input."""
    card = Path(pose_card(tmp_path, "rtmo", (1, 56, 84)))
    rtmo_network(tmp_path / "pose.onnx")
    card.write_text(card.read_text().replace("- 1\n", "- 102\n"))
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:2, :2] = 1  # one pixel of the input, seen in three colours
    with PoseEstimator.open(str(card), F32) as estimator:
        [poses] = estimator.estimate([CameraImage.of_array(pixels, 1)])
        [nobody] = estimator.estimate([CameraImage.of_array(np.zeros_like(pixels), 1)])
    np.testing.assert_allclose(poses.scores, [0.8] * 3, rtol=1e-3)
    np.testing.assert_allclose(poses.boxes, [[0.8, 1, 1.2, 1.4]] * 3, rtol=1e-3)
    np.testing.assert_allclose(poses.keypoints[0, 16], [2 * 48.4, 2 * 49.4, 0.5], rtol=1e-3)
    assert len(nobody) == 0


def test_what_an_image_leaves_free_has_the_card_s_grey(tmp_path):
    """The score is the mean brightness of the input, of which the image has half."""
    card = one_person(tmp_path)
    without = card.read_text()
    wide = CameraImage.of_array(np.full((32, 64, 3), 200, np.uint8), 1)
    for border, expected in (("", 100 / 255), ("border: 114\n", (100 + 57) / 255)):
        card.write_text(without + border)
        with PoseEstimator.open(str(card), F32) as estimator:
            [poses] = estimator.estimate([wide])
        assert poses.scores.tolist() == pytest.approx([expected], abs=1e-3)


def test_a_network_of_one_size_takes_no_other(tmp_path):
    card = Path(pose_card(tmp_path, "yolo-pose", (1, 56, 84)))
    with pytest.raises(ConfigurationError, match="pose takes 1×3×64×64 float32 only; set pose_size to 0, as its card"):
        PoseEstimator.open(str(card), F32, 320)
    with PoseEstimator.open(str(card), F32, 64) as estimator:
        assert estimator.shape == (64, 64, 3)
    card.write_text(card.read_text().replace("width: 64", "width: 96"))
    with pytest.raises(ModelError, match=r"network's input has W = 64 \(1×3×64×64 float32\), 96 expected"):
        PoseEstimator.open(str(card), F32)


def test_a_card_s_size_is_used_which_need_not_be_square(tmp_path, movenet, estimator, shared_data):
    """An image of 16:9 in as many pixels as it needs: the same people as in a square, in the same places."""
    _, pixels = cv2.VideoCapture(str(shared_data / "falls" / "s2_fall_12.mp4")).read()
    image = CameraImage.of_array(pixels, 1)
    model = find_pose_model(movenet)
    card = tmp_path / "wide.yaml"
    card.write_text((POSE_CARDS / f"{movenet}.yaml").read_text().replace("height: 256", "height: 160"))
    for file in model.card.files:
        (tmp_path / file.name).symlink_to(model.path(file.name))
    with PoseEstimator.open(str(card), F32) as wide:
        [square], [found] = estimator.estimate([image]), wide.estimate([image])
    assert (estimator.shape, wide.shape) == ((256, 256, 3), (160, 256, 3))
    assert len(found) == len(square) == 1
    np.testing.assert_allclose(found.boxes[0], square.boxes[0], atol=30)


def test_an_output_that_only_running_shows_to_be_of_another_size_is_refused(tmp_path):
    card = pose_card(tmp_path, "movenet", (1, 90, 8, 8))
    with pytest.raises(
        ModelError, match=r"pose gives 5760 numbers for 64×64 pixels, which movenet cannot read \(.*decode and"
    ):
        PoseEstimator.open(card, F32)


def test_kinds_of_cards_do_not_pass_for_each_other(tmp_path, brightness_card):
    card = Path(pose_card(tmp_path, "yolo-pose", (1, 56, 84)))
    with pytest.raises(ConfigurationError, match="is of kind pose, which knows no actions; give it as pose_model"):
        load_card(card)
    with pytest.raises(ConfigurationError, match="is not of kind pose; give a pose network's card as pose_model"):
        PoseEstimator.open(str(brightness_card))
    with pytest.raises(ConfigurationError, match=r"pose_model .movenet. is unknown; did you mean movenet-multipose\?"):
        PoseEstimator.open("movenet")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"decode": "openpose"}, "decode is 'openpose'; use one of movenet, yolo-pose, rtmo"),
        ({"network": None}, "network holds None"),
        ({"labels": ["a"]}, "field 'labels' is unknown"),
        ({"name": "a/b"}, "use letters, digits"),
        ({"border": 256}, "border is 256; give a grey from 0 to 255"),
        (
            {"input": {**SPEC, "layout": "NCTHW", "height": 100}},
            "yaml: input.layout is NCTHW; give one without T; input has height 100 and width 64; give multiples of 32$",
        ),
        ({"input": {**SPEC, "resize": {"interpolation": "linear", "shorter_side": 64}}}, "shorter_side is not for a"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path, change, reason):
    path = Path(pose_card(tmp_path, "yolo-pose", (1, 56, 84)))
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    with pytest.raises(ConfigurationError, match=reason):
        PoseEstimator.open(str(path))


def test_a_size_that_no_pose_network_takes_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="pose_size is 300; set it to a multiple of 32"):
        PoseEstimator.open(pose_card(tmp_path, "yolo-pose", (1, 56, 84)), size=300)


def test_a_network_that_is_missing_says_what_brings_it(own_cache):
    with pytest.raises(ModelError, match="is not there; run: actionnet models fetch movenet-multipose"):
        PoseEstimator.open("movenet-multipose")
