"""`actionnet VIDEO`, in a process of its own as a user starts it, without ROS in its environment."""

import json

import cv2
import onnx
import pytest
from command import actionnet, failure, lines
from pictures import picture, write_pictures, write_video
from small_networks import linear_network, one_person, write_card
from streamable_networks import ARCHITECTURES

from har_ros.frames.pixels import CameraImage
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings


def test_a_video_gives_a_line_for_each_window_and_an_annotated_video(brightness_card, video, tmp_path):
    """Frame i has the brightness 10 i; class k of the network scores frame k of 4."""
    output = tmp_path / "out.mp4"
    result = actionnet(video, "--network", brightness_card, output, "--json", "--top-k", 2, "--backend", "openvino")
    assert (result.returncode, len(lines(result))) == (0, 9), result.stderr
    for i, line in enumerate(lines(result), start=3):
        assert line["frame"] == i
        assert (line["start"], line["end"]) == (pytest.approx((i - 3) / 25), pytest.approx(i / 25))
        assert [action["label"] for action in line["actions"]] == ["fourth", "third"]
        assert 0 < line["inference_time"] < 10
        assert line["backend"].startswith("OpenVINO on CPU")
    capture = cv2.VideoCapture(str(output))
    frames = [capture.read()[1] for _ in range(12)]
    assert capture.read()[1] is None
    assert frames[11].shape == (48, 64, 3)
    assert (frames[11] > 150).any()  # what is drawn into a frame of 110


def test_a_clip_shorter_than_a_window_is_played_again(brightness_card, tmp_path):
    """The window is frames 0, 1, 2, 0 of brightness 0, 10, 20, 0: the third place is the brightest."""
    video, output = write_video(tmp_path / "in.avi", 3), tmp_path / "out.mp4"
    result = actionnet(video, output, "--network", brightness_card, "--json", "--backend", "openvino")
    assert result.returncode == 0, result.stderr
    [line] = lines(result)
    assert [action["label"] for action in line["actions"]][:2] == ["third", "second"]
    assert (line["frame"], line["start"], line["end"]) == (2, 0, pytest.approx(2 / 25))
    assert "in.avi is shorter than a window (4 frames), and played again to fill one" in result.stderr
    capture = cv2.VideoCapture(str(output))
    frames = [capture.read()[1] for _ in range(3)]
    assert capture.read()[1] is None
    assert all((frame > 150).any() for frame in frames)  # what is drawn into frames of 0 to 20


def test_where_a_server_is_lost_the_sentence_says_how_far_the_results_go(tmp_path):
    """Two black windows come first, then those of frames 3 to 6, and then one without an answer."""
    pytest.importorskip(
        "tritonclient.grpc", reason="tritonclient is not installed: pip install -r requirements-triton.txt"
    )
    import grpc
    from inference_server import SHAPE, InferenceServer, serving

    def gone(response, number, context):
        if number > 5:
            context.abort(grpc.StatusCode.UNAVAILABLE, "it goes")

    linear_network(tmp_path / "small.onnx", SHAPE)
    video, output, events = write_video(tmp_path / "in.avi", 12), tmp_path / "out.mp4", tmp_path / "events.json"
    with serving(InferenceServer("small", SHAPE, answer=gone)) as port:
        there = ("--backend", "triton", "--server", f"grpc://127.0.0.1:{port}", "--deadline", "60.0")
        options = ("--model", write_card(tmp_path), *there, "--json", "--events", events)
        result = actionnet(video, output, *options)
    assert "the results, which are kept, end before frame 7 (0.28 s), because: the server at" in failure(result)
    assert [line["frame"] for line in lines(result)] == [3, 4, 5, 6]
    assert {line["backend"].partition(",")[0] for line in lines(result)} == {
        f"Triton at grpc://127.0.0.1:{port} through gRPC"
    }
    assert cv2.VideoCapture(str(output)).get(cv2.CAP_PROP_FRAME_COUNT) == 7
    assert "events" in json.loads(events.read_text())


def test_the_command_says_what_the_library_says(brightness_card, video):
    result = actionnet(video, "--model", brightness_card, "--json", "--precision", "f32", "--threshold", 0)
    capture, expected, stamp = cv2.VideoCapture(video), [], 0
    with Recognizer.open(str(brightness_card)) as recognizer:
        stream = recognizer.stream()
        while (frame := capture.read()[1]) is not None:
            stream.push(CameraImage.of_array(frame, stamp := stamp + 1))
            if (found := recognizer.recognize([stream], ScoreSettings(threshold=0))[0]) is not None:
                expected.append({h.label: h.score for h in found.prediction.hypotheses})
    assert len(lines(result)) == len(expected) == 9
    for line, scores in zip(lines(result), expected, strict=True):
        for action in line["actions"]:
            assert action["score"] == pytest.approx(scores[action["label"]], abs=0.01)  # bfloat16 on some CPUs


def test_events_are_written_for_the_image_and_for_people(brightness_card, tmp_path):
    """Of 24 frames at 25 per second; class "fourth" leads, and the person is seen once it is bright enough."""
    video, events = write_video(tmp_path / "in.avi", 24), tmp_path / "events.json"
    options = ("--precision", "f32", "--persons", "--pose-model", one_person(tmp_path), "--persons-model", "")
    limits = ("--event-start", 0.1, "--event-end", 0.1, "--event-min-duration", 0.1)
    result = actionnet(video, "--model", brightness_card, *options, "--events", events, *limits)
    assert result.returncode == 0, result.stderr
    whole, person = json.loads(events.read_text())["events"]
    assert (whole["label"], whole["person"]) == ("fourth", "")
    assert (whole["start"], whole["end"]) == (0, pytest.approx(23 / 25, abs=1e-3))
    assert person["label"] == "fourth"
    assert person["person"].endswith("_1")
    assert 0.1 <= whole["said"] - whole["start"] < person["said"] - whole["start"] <= 0.92
    assert 0 < person["start"] < person["end"] <= 0.92


def test_events_of_what_was_read_are_written_and_wrong_options_are_refused(brightness_card, tmp_path):
    video, model = write_video(tmp_path / "in.avi", 3), ("--model", brightness_card, "--precision", "f32")
    few = ("--event-start", 0.1, "--event-end", 0.1, "--event-min-duration", 0)
    assert actionnet(video, *model, "--events", tmp_path / "e.csv", *few).returncode == 0  # played again
    assert (tmp_path / "e.csv").read_text().splitlines()[1].startswith("0.0,0.08,third,")
    assert "--event-start needs --events; add it" in failure(actionnet(video, *model, "--event-start", 0.9))
    limits = ("--events", tmp_path / "e.csv", "--event-end", 0.9)
    assert "event_end is 0.9, above event_start (0.5)" in failure(actionnet(video, *model, *limits))
    own = tmp_path / "limits.yaml"
    own.write_text("third: {start: 1.0}\n")
    high = ("--events", tmp_path / "e.csv", *few, "--event-limits", own)
    assert actionnet(video, *model, *high).returncode == 0
    assert "third" not in (tmp_path / "e.csv").read_text()
    own.write_text("last: {start: 1.0}\n")
    assert "event_limits: 'last' is no class of the network; name one" in failure(actionnet(video, *model, *high))
    assert "--event-limits needs --events; add it" in failure(actionnet(video, *model, "--event-limits", own))
    assert "e.txt is no file of events" in failure(actionnet(video, *model, "--events", tmp_path / "e.txt"))
    nowhere = tmp_path / "none" / "e.csv"
    assert f"cannot write '{nowhere}', its folder does not exist" in failure(
        actionnet(video, *model, "--events", nowhere)
    )


def test_without_json_a_line_for_each_change(brightness_card, tmp_path):
    folder = write_pictures(tmp_path / "frames", [f"{i}.png" for i in range(8)])
    result = actionnet(folder, "--network", brightness_card)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("nothing is shown, because there is no screen; give a file such as out.mp4") == 1
    assert result.stdout == "frame      3      0.12 s  fourth 0.64\n"  # of logits 1 apart: 1 / (1 + e^-1 + e^-2 + e^-3)


def test_that_there_is_no_screen_is_said_after_the_checks_to_who_wants_to_look(brightness_card, video, tmp_path):
    for more in (["--json"], ["--events", tmp_path / "events.csv"]):
        result = actionnet(video, "--network", brightness_card, *more)
        assert (result.returncode, "no screen" in result.stderr) == (0, False)
    result = actionnet(video, "--network", tmp_path / "missing")
    assert (result.returncode, "no screen" in result.stderr) == (1, False)


@pytest.mark.parametrize("place", ["input", "output", "--labels"])
def test_a_name_that_is_too_long_is_one_sentence(brightness_card, video, place):
    name = "x" * 300
    more = {"input": [name], "output": [video, f"{name}.mp4"], "--labels": [video, "--labels", name]}
    result = actionnet(*more[place], "--network", brightness_card)
    assert "x' (File name too long); check the path" in failure(result).replace(".mp4'", "'")


def test_openvino_tells_nobody_of_it(brightness_card, video, tmp_path):
    """Its telemetry makes ~/intel first."""
    result = actionnet(video, "--network", brightness_card, "--backend", "openvino", HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [".cache"]


def test_skipped_frames(brightness_card, video):
    result = actionnet(video, "--network", brightness_card, "--json", "--skip-frames", 1)
    assert [line["frame"] for line in lines(result)] == [6, 8, 10]


@pytest.mark.parametrize(("rate", "expected"), [("12.5", [5, 7, 9, 11]), ("50", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])])
def test_the_sample_rate_decides_which_frames_enter(brightness_card, video, rate, expected):
    """The video has 25 frames per second: every other enters at 12.5, each takes two places at 50."""
    result = actionnet(video, "--network", brightness_card, "--json", "--sample-rate", rate)
    assert [line["frame"] for line in lines(result)] == expected[: len(lines(result))] != []


def test_only_allowed_labels_are_reported(brightness_card, video):
    result = actionnet(video, "--network", brightness_card, "--json", "--allowed-label", "third", "--threshold", 0)
    assert [[a["label"] for a in line["actions"]] for line in lines(result)] == [["third"]] * 9


def test_a_network_file_of_ones_own(video, tmp_path):
    linear_network(tmp_path / "own.onnx", (3, 4, 8, 8), names=("0", "198"))
    (tmp_path / "labels.txt").write_text("run\nrun\nwalk\nsit\nstand\n")
    options = ("--labels", tmp_path / "labels.txt", "--input-blob", "0", "--output-blob", "198", "--json")
    result = actionnet(video, "--model", tmp_path / "own.onnx", *options)
    assert result.returncode == 0, result.stderr
    assert [line["frame"] for line in lines(result)] == [6, 8, 10]  # actionNet leaves out every other frame
    assert {action["label"] for action in lines(result)[0]["actions"]} == {"run", "run (2)", "walk", "sit", "stand"}


def test_the_real_network_says_playing_cricket(shared_data):
    result = actionnet(shared_data / "cricket.gif", "--frames", 16, "--skip-frames", 1, "--stride", 1, "--json")
    best = [line["actions"][0]["label"] for line in lines(result)]
    assert len(best) == 25
    assert best.count("playing cricket") >= 20


def test_videos_that_are_too_short_or_broken(brightness_card, tmp_path):
    network = ("--network", brightness_card, "--backend", "openvino")
    one = write_video(tmp_path / "one.avi", 1)
    assert "is too short, with 1 image: a window spans 4 frames" in failure(actionnet(one, *network))
    (tmp_path / "none.avi").write_bytes(b"")
    assert "cannot be opened as a video" in failure(actionnet(tmp_path / "none.avi", *network))
    folder = write_pictures(tmp_path / "frames", [f"{i}.png" for i in range(5)])
    cv2.imwrite(f"{folder}/9.png", picture(1, 20, 30))
    result = actionnet(folder, tmp_path / "out.mp4", *network, "--json")
    assert "changes its size at frame 5" in failure(result)
    assert len(lines(result)) == 2  # what came before stands
    assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5


def test_an_end_that_cannot_be_read(brightness_card, tmp_path):
    """An .mp4 whose index comes first, cut off: FFmpeg knows 100 frames and reads fewer."""
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_video(whole, 100, codec="mp4v")
    cut.write_bytes(index_first(whole.read_bytes())[:-800])
    result = actionnet(cut, "--network", brightness_card, "--json")
    assert "cannot be read after frame" in failure(result)
    assert "of 100; the results up to there are valid" in failure(result)
    assert len(lines(result)) > 4


def index_first(content):
    """Move the moov box of an .mp4 before its mdat, as `ffmpeg -movflags faststart` does."""
    boxes, place = [], 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        boxes.append(content[place : place + size])
        place += size
    moov = bytearray(next(box for box in boxes if box[4:8] == b"moov"))
    others = [box for box in boxes if box[4:8] != b"moov"]
    assert boxes[-1][4:8] == b"moov", "the index is first already"
    table = moov.index(b"stco") + 4
    for i in range(int.from_bytes(moov[table + 4 : table + 8], "big")):
        entry = slice(table + 8 + 4 * i, table + 12 + 4 * i)
        moov[entry] = (int.from_bytes(moov[entry], "big") + len(moov)).to_bytes(4, "big")
    mdat = next(i for i, box in enumerate(others) if box[4:8] == b"mdat")
    return b"".join([*others[:mdat], bytes(moov), *others[mdat:]])


def test_a_video_is_recognised_in_steps(tmp_path, video):
    onnx.save(ARCHITECTURES["mc3_18"](), tmp_path / "small.onnx")
    card = write_card(tmp_path, input={"layout": "NCTHW", "height": 16, "width": 16, "range": [0, 1]})
    result = actionnet(video, "--network", card, "--continual", "--json")
    frames = [line["frame"] for line in lines(result)]
    assert frames == list(range(8, 12))  # it lags by five steps of one frame, and averages over four
