"""`actionnet events tune` on bags of a small real network."""

import numpy as np
import pytest
import yaml
from bags import SECOND, T0, TOPIC, write_bag
from small_networks import one_person

from har_ros.commands.main import main as actionnet
from har_ros.evaluate import results, tune
from har_ros.pipeline.event_settings import load_limits
from har_ros.recordings import messages
from har_ros.recordings.bag import RAW


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    for name, values in (("STARTS", (0.2, 0.4)), ("END_PARTS", (0.7,)), ("MAX_GAPS", (1.0,)), ("SMOOTHINGS", (0.0,))):
        monkeypatch.setattr(tune, name, values)


def test_limits_are_written_from_what_an_evaluation_left(evaluate, bags, brightness_card, truth, tmp_path, capsys):
    folder = evaluate()
    predictions = (folder / results.PREDICTIONS).read_bytes()
    given = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-p", "max_gap:=0.0", "-o", str(folder)]
    command = ["events", "tune", *map(str, bags), *given, *truth, "--recall", "0.5"]
    capsys.readouterr()
    assert actionnet(command) == 0
    said = capsys.readouterr()
    assert "has the predictions already; the network need not run" in said.err
    assert "third keeps its limits: the truth has it in 1 group, and 3 are needed" in said.out
    assert "first: with smoothing 0, no limits that were tried serve the wish; these come nearest to it" in said.out
    path = folder / "limits.yaml"
    assert f"{path}: use it with event_limits:={path} smoothing:=0.0" in said.out
    text = path.read_text()
    assert load_limits(path).keys() == {"first"}
    assert yaml.safe_load(text)["first"].keys() == {"start", "end", "min_duration", "max_gap"}
    assert "of 6 segments" in text
    assert actionnet(command) == 0
    assert path.read_text() == text
    assert (folder / results.PREDICTIONS).read_bytes() == predictions
    assert (
        actionnet(["evaluate", *map(str, bags), *given[:-1], str(tmp_path / "with"), "-p", f"event_limits:={path}"])
        == 0
    )


def test_what_gives_no_limits_is_an_error_in_a_sentence(bags, brightness_card, truth, tmp_path, capsys):
    given = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-o", str(tmp_path / "results")]
    assert actionnet(["events", "tune", str(bags[2]), *given]) == 1
    assert (
        "actionnet: there is no truth to choose limits with; give --truth or --truth-topic" in capsys.readouterr().err
    )
    assert actionnet(["events", "tune", str(bags[2]), *given, *truth]) == 1
    assert "actionnet: no class's limits can be chosen; give more recordings" in capsys.readouterr().err
    assert not (tmp_path / "results" / "limits.yaml").exists()
    with pytest.raises(SystemExit):
        actionnet(["events", "tune", str(bags[2]), *truth, "--recall", "0.9", "--false-alarms", "1"])
    assert actionnet(["events", "tune", str(bags[2]), *given, *truth, "--group-pattern", "("]) == 1
    assert "is no regular expression" in capsys.readouterr().err


def test_with_persons_the_limits_are_those_of_people(brightness_card, tmp_path, capsys):
    """The person becomes brighter, which is "fourth", while the image as a whole becomes darker, which is not."""
    images = []
    for second in range(14):
        picture = np.full((64, 64, 3), 255 - 18 * second, np.uint8)
        picture[5:55, 7:57] = 70 + 8 * second  # the square around whom the network finds
        stamp = T0 + second * SECOND
        images.append((TOPIC, RAW, stamp, messages.image(picture, "bgr8", stamp, "cam01")))
    recordings = [write_bag(tmp_path / name, images) for name in ("a", "b", "c")]
    (tmp_path / "truth.csv").write_text("start,end,label\n0,14,fourth\n")
    parameters = {
        "model": brightness_card,
        "pose_model": one_person(tmp_path),
        "persons": "true",
        "persons_model": "''",
        "max_gap": "0.0",
        "backend": "openvino",
    }
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    folder = tmp_path / "results"
    command = [
        "events",
        "tune",
        *map(str, recordings),
        *given,
        "--truth",
        str(tmp_path / "truth.csv"),
        "-o",
        str(folder),
    ]
    assert actionnet(command) == 0
    assert "limits are chosen by the events of people" in capsys.readouterr().err
    assert load_limits(folder / "limits.yaml").keys() == {"fourth"}
    assert "recall 1.00" in (folder / "limits.yaml").read_text()
