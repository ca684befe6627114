"""evaluate -p persons:=true: a line for each person's window, the same in every run."""

import json

import pytest
from bags import series, write_bag
from small_networks import linear_network, one_person, write_card

from har_ros.commands.main import main as actionnet


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    cameras = ("/cam01/image_raw", "/cam02/image_raw")
    values = [150] * 20 + [0] * 20 + [150] * 10
    series_of = [message for camera in cameras for message in series(values, camera)]
    return [write_bag(folder / "one", series_of), write_bag(folder / "two", series(values))]


@pytest.fixture
def follow(recordings, brightness_card, tmp_path):
    pose_card = one_person(tmp_path)

    def run(output, *options, bags=recordings):
        folder = tmp_path / output
        given = {
            "model": brightness_card,
            "pose_model": pose_card,
            "persons_model": "''",
            "persons": "true",
            "max_gap": "0.0",
        }
        parameters = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
        names = [str(path) for path in bags]
        assert actionnet(["evaluate", *names, "-o", str(folder), *parameters, "-p", "backend:=openvino", *options]) == 0
        return (folder / "persons.jsonl").read_text()

    return run


def test_people_are_followed_the_same_each_time_and_in_processes(follow):
    text = follow("first")
    assert text == follow("second") == follow("third", "--jobs", "2")
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["bag"] for line in lines} == {"one", "two"}
    people = {(line["bag"], line["camera"], line["person"]) for line in lines}
    assert {name.partition("_")[0] for _, camera, name in people if camera == "/cam02/image_raw"} == {"p2"}
    assert all(line["frames"] == 4 and line["hypotheses"][0][1] > 0 for line in lines)
    assert all(line["start"] < line["end"] for line in lines)


def test_events_of_people_are_compared_with_the_truth(follow, tmp_path):
    """Rising brightness is "fourth", of the one person, too; nothing is "first". The whole image has the same."""
    bag, truth = write_bag(tmp_path / "rising", series(range(130, 240, 10))), tmp_path / "truth.csv"
    truth.write_text("start,end,label\n0,10,fourth\n0,2,first\n")
    follow("events", "--truth", str(truth), bags=[bag])
    metrics = json.loads((tmp_path / "events" / "metrics.json").read_text())
    people = metrics["person_events"]
    assert (people["said"], people["segments"], people["found"], people["false_alarms"]) == (1, 2, 1, 0)
    assert (metrics["events"]["said"], metrics["events"]["segments"]) == (1, 2)
    report = (tmp_path / "events" / "report.html").read_text()
    assert "<h2>Events of people</h2>" in report
    assert "<tr><td>1</td><td>2</td><td>1</td><td>0.500" in report


def test_allowed_labels_may_be_of_either_network(follow, tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    card = write_card(tmp_path, window={"frames": 4})
    text = follow("own", "-p", f"persons_model:={card}", "-p", "allowed_labels:=[third, class 2]")
    assert {label for line in text.splitlines() for label, _ in json.loads(line)["hypotheses"]} == {"class 2"}


def test_without_persons_there_is_no_such_file(evaluate):
    assert not (evaluate() / "persons.jsonl").exists()


def test_another_card_for_people_is_another_evaluation(follow, tmp_path):
    """An interrupted one must not go on with what an earlier card said of people."""

    def header():
        return json.loads((tmp_path / "same" / "predictions.jsonl").read_text().splitlines()[0])

    follow("same")
    before, card = header(), tmp_path / "person.yaml"
    card.write_text(card.read_text() + "border: 114\n")
    follow("same", "--overwrite")
    assert {name for name, value in header().items() if value != before[name]} == {"person_cards"}
