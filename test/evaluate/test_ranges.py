"""Long recordings are evaluated in ranges by workers that are elsewhere, to the same bytes."""

import json
import signal

import numpy as np
import pytest
from apart import Apart
from bags import contents, damaged_bag, image, series, values_of, write_bag
from clips import COLOURS, moving, write_video
from small_networks import encoder_decoder

from har_ros.commands import evaluate as command
from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.evaluate import joined
from har_ros.evaluate.job import PARTS
from har_ros.evaluate.plan import Plan
from har_ros.evaluate.ranges import Answered, can_be_ranged
from har_ros.pipeline.opening import open_recognizer
from har_ros.recordings import glance


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch):
    monkeypatch.setattr(glance, "RANGE", 40)


@pytest.fixture
def by_others(monkeypatch):
    """Let others do it; returns what they have done."""

    def use(*options):
        workers = Apart(*options)
        monkeypatch.setattr(command, "workers_of", lambda *_: workers)
        return workers.done

    return use


def items(count=130, broken=()):
    one = series(values_of(1, count), period=0.1)
    two = series(values_of(2, count // 2), "/cam02/image_raw", period=0.25, late=0.3, frame_id="cam02")
    for number in broken:
        message = image(7, number * 0.1)
        message.data = message.data[:10]
        one[number] = (*one[number][:3], message)
    return [*one, *two]


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("long") / "bag", items())


@pytest.fixture
def the_same(evaluate, by_others):
    """Evaluate twice; returns what others have done."""

    def run(recordings, *options, status=0):
        here = contents(evaluate(*options, recordings=recordings, status=status))
        done = by_others()
        assert contents(evaluate(*options, recordings=recordings, output="apart", status=status)) == here
        return done

    return run


SETTINGS = [
    (),
    ("smoothing:=1.0", "hysteresis:=0.1", "allowed_labels:=[first, third]"),
    ("sample_rate:=30.0",),
    ("sample_rate:=4.0", "stride:=3"),
    ("skip_frames:=3",),
    ("max_gap:=0.2",),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_long_bag_is_done_in_ranges_to_the_same_bytes(the_same, bag, bags, settings):
    options = [text for setting in settings for text in ("-p", setting)]
    assert the_same([bags[0], bag], *options) == ["Look", "Look", "Range", "Range"]


def test_a_long_video_is_done_in_ranges_to_the_same_bytes(the_same, tmp_path):
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    assert the_same([video]) == ["Look", *["Range"] * 3]


def test_videos_of_phones_are_done_in_ranges_to_the_same_bytes(the_same, shared_data):
    done = the_same([shared_data / "falls" / f"s1_fall_{number}.mp4" for number in (13, 14, 15)])
    assert done == ["Look"] * 3 + ["Range"] * 11


def test_how_far_a_site_is_from_what_was_taught_is_the_same(teach, tmp_path, monkeypatch, by_others):
    network = teach()
    video = write_video(tmp_path / "a.avi", moving(COLOURS["red"], frames=100, seed=1))
    done = []
    for folder in ("here", "apart"):
        command = ["evaluate", str(video), "-o", str(tmp_path / folder), "-p", f"model:={network}"]
        assert actionnet([*command, "-p", "backend:=openvino", "-p", "precision:=f32"]) == 0
        done = by_others() if folder == "here" else done
    here, apart = (contents(tmp_path / folder) for folder in ("here", "apart"))
    assert b'"distance": ' in here["predictions.jsonl"]
    assert here == apart
    assert done == ["Look", "Range", "Range"]


@pytest.mark.parametrize("options", [("-p", "idle:=auto"), ("--inference-time", "0.3")])
def test_windows_that_depend_on_others_are_done_by_one(the_same, bag, options):
    assert the_same([bag], *options) == ["Job"]


def test_a_network_that_remembers_earlier_images_has_no_ranges(brightness_card, tmp_path):
    for card, expected in ((brightness_card, True), (encoder_decoder(tmp_path)[0], False)):
        plan = Plan(node_parameters(given=[f"model:={card}", "backend:=openvino"]), tmp_path)
        with open_recognizer(plan.values) as recognizer:
            assert can_be_ranged(plan, recognizer) is expected


def test_a_recording_with_broken_images_is_done_as_a_whole(the_same, tmp_path):
    bag = write_bag(tmp_path / "bag", items(broken=[3, 100]))
    assert the_same([bag]) == ["Look", "Range", "Range", "Job"]


def test_a_damaged_recording_is_done_as_a_whole(the_same, tmp_path, monkeypatch):
    monkeypatch.setattr(glance, "RANGE", 10)
    assert the_same([damaged_bag(tmp_path / "damaged")], status=1) == ["Look"]


def test_ranges_that_do_not_meet_are_done_as_a_whole(the_same, bag, monkeypatch):
    """As where a video's frames after a keyframe are not what they are in the whole."""
    read = Answered.read
    monkeypatch.setattr(joined.Answered, "read", lambda path: read(path) if ".0-" in path.name else strange(read(path)))
    assert the_same([bag]) == ["Look", "Range", "Range", "Job"]


def strange(answered):
    return Answered(("other", "other"), answered.rows, answered.distances, answered.times, answered.wall)


def test_an_interrupted_run_goes_on_with_the_next_range(evaluate, by_others, bag, tmp_path):
    here = contents(evaluate(recordings=[bag]))
    by_others(2)
    folder = evaluate(recordings=[bag], output="apart", status=INTERRUPTED)
    assert len(list(folder.glob(f"{PARTS}/*.range"))) == 1
    done = by_others()
    assert contents(evaluate(recordings=[bag], output="apart")) == here
    assert done == ["Look", "Range"]


@pytest.mark.parametrize("kept", [0, 400])
def test_a_recording_with_a_damaged_file_of_a_range_is_done_as_a_whole(evaluate, by_others, bag, kept):
    here = contents(evaluate(recordings=[bag]))
    by_others(2)
    folder = evaluate(recordings=[bag], output="apart", status=INTERRUPTED)
    [file] = folder.glob(f"{PARTS}/*.range")
    file.write_bytes(file.read_bytes()[:kept])
    done = by_others()
    assert contents(evaluate(recordings=[bag], output="apart")) == here
    assert done == ["Look", "Range", "Job"]


def test_a_recording_of_which_all_ranges_are_done_is_joined(evaluate, by_others, bag, monkeypatch):
    here = contents(evaluate(recordings=[bag]))
    by_others()
    with monkeypatch.context() as patched:
        patched.setattr("har_ros.evaluate.apart.join", interrupt)
        evaluate(recordings=[bag], output="apart", status=INTERRUPTED)
    done = by_others()
    assert contents(evaluate(recordings=[bag], output="apart")) == here
    assert done == ["Look"]


INTERRUPTED = 128 + signal.SIGINT


def interrupt(*_):
    raise KeyboardInterrupt


def test_the_times_of_all_ranges_are_told(evaluate, by_others, bag):
    by_others()
    folder = evaluate(recordings=[bag])
    [took] = json.loads((folder / "timing.json").read_text()).values()
    windows = (folder / "predictions.jsonl").read_bytes().count(b"\n") - 1
    assert took["runs"] == windows > 150
    assert 0 < took["median"] < took["all"] < took["wall"]
    assert np.isfinite(took["p95"])
