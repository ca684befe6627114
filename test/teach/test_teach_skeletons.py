"""Teaching with the skeletons of real people, whom the real pose network finds."""

import base64
import re
import shutil

import cv2
import numpy as np
import pytest
import yaml
from clips import write_video
from small_networks import linear_network, one_person, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.commands.main import main as actionnet
from har_ros.files.results_folder import read_json
from har_ros.frames.skeletons import NAMES, mirrored
from har_ros.learning.embed_people import PeopleEmbedder, PeopleSettings, one_at_a_time
from har_ros.learning.people import PeopleFinder
from har_ros.models.locate import find_model, find_pose_model
from har_ros.pipeline.annotate import COLOURS
from har_ros.pipeline.recognizer import Recognizer

F32 = BackendSettings("openvino", "f32")
RATE = 10.0
SPEED = 14
"""Pixels from one frame to the next."""


@pytest.fixture(scope="module")
def cache(movenet, tmp_path_factory):
    """A cache in which there is the pose network, and nobody yet."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "har_ros" / "models").mkdir(parents=True)
    (folder / "har_ros" / "models" / movenet).symlink_to(find_pose_model(movenet).downloads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield


@pytest.fixture(scope="module")
def men(demo_videos):
    """The demo's man as two cameras see him: 24 frames of each, without the room around him."""
    found = []
    for path in sorted(demo_videos.glob("cam*.mp4"))[:2]:
        capture = cv2.VideoCapture(str(path))
        frames = [capture.read()[1] for _ in range(48)][::2]
        found.append(np.stack([cv2.resize(frame[400:1400, 250:850], (180, 300)) for frame in frames]))
    return found


def slid(man, step, width=480):
    """The man is moved over a grey canvas: from its left edge, or to it."""
    frames = []
    for number, frame in enumerate(man):
        canvas = np.full((320, width, 3), 128, np.uint8)
        left = number * step if step >= 0 else width - man.shape[2] + number * step
        canvas[10:310, left : left + man.shape[2]] = frame
        frames.append(canvas)
    return frames


@pytest.fixture(scope="module")
def dataset(men, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sliding")
    for camera, man in enumerate(men):
        for half in (0, 1):
            part = man[12 * half :][:12]
            for label, step in (("to the right", SPEED), ("to the left", -SPEED)):
                write_video(folder / label / f"camera{camera}" / f"{half}.avi", slid(part, step), RATE)
    return folder


@pytest.fixture(scope="module")
def sequence_card(tmp_path_factory):
    """A linear network whose embedding is its input: eight skeletons in a box that does not move with the person."""
    folder = tmp_path_factory.mktemp("sequence")
    linear_network(folder / "small.onnx", (8, 17, 3))
    network = {"file": "small.onnx", "embedding": "flat"}
    card = write_card(folder, kind="sequence", input=None, window={"frames": 8, "sample_rate": RATE}, network=network)
    spec = {"layout": "NTVC", "normalisation": "box", "confidence": True}
    card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), "input": spec}))
    return card


def test_a_network_learns_how_people_move_and_runs_where_its_base_did(cache, dataset, sequence_card, tmp_path, capsys):
    folder = tmp_path / "sliding"
    given = ["--model", str(sequence_card), "--backend", "openvino", "--precision", "f32", "--no-mirror"]
    assert actionnet(["teach", str(dataset), "-o", str(folder), *given]) == 0
    told = capsys.readouterr()
    assert "8 recordings, 0 of which in the cache" in told.err
    printed = " ".join(told.out.split())
    assert f"run: actionnet VIDEO --persons --persons-model {folder} --model none" in printed
    assert f"actionnet.launch.py persons:=true persons_model:={folder} model:=none image_topics:=" in printed
    measured = read_json(folder / "metrics.json")
    assert measured["figures"]["accuracy"]["value"] == 1  # of each camera by what was learned from the other
    assert measured["settings"]["person"] == "moving"
    assert measured["frames"] == 8
    report = (folder / "report.html").read_text()
    assert report.count("<svg") == 1  # of the calibration: of one camera, there is nothing to draw a curve over
    assert "There are too few groups for a curve over their number" in report
    with Recognizer.open(str(folder), F32, skeletons=True) as recognizer:
        assert recognizer.labels == ("to the left", "to the right", "none")
        assert recognizer.card.kind == "sequence"
    assert actionnet(["teach", str(dataset), "-o", str(folder), "--overwrite", *given]) == 0
    assert "8 recordings, 8 of which in the cache" in capsys.readouterr().err
    assert read_json(folder / "metrics.json") == measured


def test_the_report_shows_the_skeletons_of_clips_that_were_wrong(cache, dataset, sequence_card, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(dataset, mixed)
    wrong = next((mixed / "to the left").rglob("*.avi"))
    shutil.move(wrong, mixed / "to the right" / "camera0" / "wrong.avi")
    given = ["--model", str(sequence_card), "--backend", "openvino", "--precision", "f32", "--no-mirror"]
    assert actionnet(["teach", str(mixed), "-o", str(tmp_path / "new"), *given]) == 0
    page = (tmp_path / "new" / "report.html").read_text()
    shown = next(part for part in page.split('<div class="mistake">') if "camera0/wrong.avi" in part)
    pictures = [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_RGB).astype(int)
        for data in re.findall(r"base64,([^\"]+)", shown)
    ]
    assert len(pictures) == 3
    drawn = [(np.abs(picture - COLOURS[0]).sum(axis=2) < 120).sum() for picture in pictures]
    assert min(drawn[1:]) > 10  # in the first image, nobody is believed in yet
    assert drawn[0] == 0


def test_of_two_people_the_one_counts_who_is_asked_for(cache, men, sequence_card, tmp_path):
    large = np.stack([cv2.resize(men[0][0], (216, 360))] * 24)  # stands still, and is larger
    scene = [np.concatenate([a[:320], b], axis=1) for a, b in zip(large, slid(men[1], 10, 420), strict=True)]
    path = write_video(tmp_path / "two.avi", scene, RATE)
    found = {}
    for person in ("moving", "largest", "all"):
        settings = PeopleSettings(person)
        with PeopleEmbedder(find_model(str(sequence_card)), F32, mirror=False, settings=settings) as embedder:
            [found[person]] = embedder.look_at(path)
    travelled = {
        person: np.ptp(seen.embeddings.reshape(-1, 8, 17, 3)[..., 11:13, 0].mean(axis=2), axis=1)
        for person, seen in found.items()
    }
    assert (travelled["moving"] > 0.3).all()
    assert (travelled["largest"] < 0.1).all()
    assert len(travelled["all"]) == len(travelled["moving"]) + len(travelled["largest"]) >= 4
    seen = found["all"]
    assert seen.looks.any(axis=(1, 2, 3)).sum() == len(travelled["moving"])  # each moment once


def test_a_short_clip_is_played_again_and_one_without_people_left_out(cache, men, sequence_card, tmp_path):
    short = write_video(tmp_path / "short.avi", slid(men[0][:7], SPEED), RATE)
    empty = write_video(tmp_path / "empty.avi", [np.full((320, 480, 3), 128, np.uint8)] * 12, RATE)
    with PeopleEmbedder(find_model(str(sequence_card)), F32) as embedder:
        [windows] = embedder.look_at(short)
        assert windows.embeddings.shape == (1, 2, 8 * 17 * 3)
        assert (windows.start[0], windows.end[0]) == (200_000_000, 600_000_000)  # when somebody is believed in
        with pytest.raises(Exception, match=r"nobody is seen long enough in .*empty.avi; remove it, or show people"):
            embedder.look_at(empty)


def test_people_are_looked_for_again_with_another_size(cache, dataset):
    path = next(dataset.rglob("*.avi"))
    for size in (256, 320, 256):
        finder = PeopleFinder("movenet-multipose", size, F32)
        [people] = finder.look_at(path)
        assert people.keypoints.shape == (len(people.image), 17, 3)
        assert len(people.stamps) == 12
        finder.close()


def test_people_are_looked_for_again_when_the_pose_network_or_its_card_has_changed(own_cache, tmp_path):
    grey = np.random.default_rng(0).integers(100, 110, (12, 32, 64, 3), np.uint8)
    video = write_video(tmp_path / "grey.avi", grey, RATE)
    card = one_person(tmp_path)

    def computed():
        finder = PeopleFinder(str(card), 0, F32)
        finder.look_at(video)
        finder.close()
        return finder.computed

    assert (computed(), computed()) == (1, 0)
    card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), "border": 50}))
    assert (computed(), computed()) == (1, 0)
    one_person(tmp_path, brightest=0.9)
    card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), "border": 50}))
    assert (computed(), computed()) == (1, 0)


def test_options_for_people_need_a_network_of_skeletons(dataset, teachable_card, tmp_path, capsys):
    given = ["--model", str(teachable_card), "--person", "all"]
    assert actionnet(["teach", str(dataset), "-o", str(tmp_path / "new"), *given]) == 1
    assert "small takes whole images, in which nobody is looked for; leave out" in capsys.readouterr().err


def test_nobody_else_has_a_window_while_somebody_who_moves_more_has_one():
    start = np.array([0, 0, 5, 20, 24])
    end, person = start + 10, np.array([1, 2, 2, 2, 1])
    measure = np.array([3.0, 2.0, 1.0, 1.0, 2.0])
    assert one_at_a_time(start, end, person, measure).tolist() == [True, False, False, False, True]
    assert one_at_a_time(start, end, np.ones(5, int), measure).all()


def test_the_mirror_image_exchanges_left_and_right():
    skeletons = np.random.default_rng(0).uniform(0, 100, (5, 18, 3)).astype(np.float32)
    skeletons[:, -1] = 640, 480, 0
    seen = mirrored(skeletons)
    left, right = NAMES.index("left_wrist"), NAMES.index("right_wrist")
    np.testing.assert_allclose(seen[:, left, 0], 640 - skeletons[:, right, 0])
    np.testing.assert_array_equal(seen[:, left, 1:], skeletons[:, right, 1:])
    np.testing.assert_allclose(seen[:, 0, 0], 640 - skeletons[:, 0, 0])
    np.testing.assert_array_equal(mirrored(seen)[:, -1], skeletons[:, -1])
    np.testing.assert_allclose(mirrored(seen), skeletons, rtol=1e-4)
