"""`actionnet VIDEO --persons`, in a process of its own as a user starts it, without ROS in its environment."""

import cv2
import numpy as np
import pytest
from command import actionnet, failure, lines
from pictures import write_video
from small_networks import one_person

from har_ros.pipeline.recognition import Networks
from har_ros.recordings.source import open_source


def test_people_have_lines_of_their_own_as_in_the_library(brightness_card, tmp_path):
    video, output, pose_card = write_video(tmp_path / "in.avi", 24), tmp_path / "out.mp4", one_person(tmp_path)
    options = ("--precision", "f32", "--persons", "--pose-model", pose_card, "--persons-model", "", "--json")
    result = actionnet(video, output, "--model", brightness_card, *options)
    assert result.returncode == 0, result.stderr
    printed = [(line["frame"], line["box"], line["actions"]) for line in lines(result) if "person" in line]
    parameters = {"precision": "f32", "persons": True, "pose_model": str(pose_card), "persons_model": ""}
    with Networks.open(str(brightness_card), **parameters) as networks:
        results = networks.results(frame.image for frame in open_source(video))
        expected = [
            (i, person.box, [{"label": one.label, "score": one.score} for one in person.result.prediction.accepted])
            for i, found in enumerate(results)
            for person in found.persons
            if person.result is not None
        ]
    assert len(printed) == len(expected) > 5
    assert {line["backend"] for line in lines(result)} == {"OpenVINO on CPU, f32"}
    for (frame, box, actions), (known, known_box, known_actions) in zip(printed, expected, strict=True):
        assert (frame, box) == (known, pytest.approx(known_box, abs=0.06))
        assert [one["label"] for one in actions] == [one["label"] for one in known_actions]
        assert [one["score"] for one in actions] == pytest.approx([one["score"] for one in known_actions], abs=1e-3)
    assert len(lines(result)) - len(printed) == 24 - 3  # of the whole image
    capture = cv2.VideoCapture(str(output))
    last = [capture.read()[1] for _ in range(24)][-1]
    assert np.ptp(last[30:].astype(int), axis=2).max() > 40  # a person's colour, below what is said of the grey picture


def test_people_alone_have_the_lines_that_they_have_beside_the_whole_image(brightness_card, tmp_path):
    """With model none there is no line of the whole image, and no panel over the annotated video's grey picture."""
    video, output, pose_card = write_video(tmp_path / "in.avi", 24), tmp_path / "out.avi", one_person(tmp_path)
    people = ("--persons", "--pose-model", pose_card, "--persons-model", brightness_card, "--precision", "f32")
    both = actionnet(video, "--model", brightness_card, *people, "--json")
    limits = ("--event-start", 0.1, "--event-end", 0.1, "--event-min-duration", 0.1)
    events = ("--events", tmp_path / "events.csv", *limits)
    alone = actionnet(video, output, "--model", "none", *people, *events, "--json")
    assert alone.returncode == 0, alone.stderr
    assert "whole images are left out" in alone.stderr
    told = [
        [(line["frame"], line["box"], line["actions"]) for line in lines(result) if "box" in line]
        for result in (both, alone)
    ]
    assert told[0] == told[1] != []
    assert [line["state"] for line in lines(alone) if "box" not in line] == ["started", "ended"]
    assert [row.split(",")[2] for row in (tmp_path / "events.csv").read_text().splitlines()[1:]] == ["fourth"]
    first = cv2.VideoCapture(str(output)).read()[1]
    np.testing.assert_allclose(first, cv2.VideoCapture(video).read()[1], atol=3)
    refused = actionnet(video, "--model", "none", *people, "--frames", 16)
    assert "frames is of the network for whole images, and model is none" in failure(refused)


def test_commands_that_need_whole_images_refuse_to_leave_them_out(tmp_path):
    video, none = write_video(tmp_path / "in.avi", 5), ("-p", "model:=none", "-p", "persons:=true")
    truth = tmp_path / "truth.csv"
    truth.write_text("start,end,label\n0,1,wave\n")
    for command in (("evaluate",), ("stability",), ("events", "tune", "--truth", truth, "--recall", 0.9)):
        said = failure(actionnet(*command, video, "-o", tmp_path / "out", *none))
        assert said == "actionnet: model is none, and whole images are looked at here, too; name a model"


@pytest.mark.parametrize(
    ("persons_model", "options"), [("", "--frames and --pose-size"), ("everyday-14", "--pose-size")]
)
def test_where_nobody_fills_a_window_the_options_are_named_that_can_help(
    brightness_card, tmp_path, persons_model, options
):
    video, pose_card = write_video(tmp_path / "dark.avi", 3), one_person(tmp_path)
    given = ("--persons", "--pose-model", pose_card, "--persons-model", persons_model)
    result = actionnet(video, "--model", brightness_card, *given, "--json")
    assert result.returncode == 0, result.stderr
    assert f"nobody was followed for long enough to fill a window; see {options}\n" in result.stderr
