"""`actionnet events index`: a bag of events, which plays beside the bag of images.

The network's class k is the brighter, the brighter frame k of four is: rising brightness is "fourth", falling "first".
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from bags import SECOND, T0, TOPIC, damaged_bag, series, write_bag
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from pictures import write_video
from rosbags.highlevel import AnyReader
from rosbags.typesys import get_types_from_msg
from small_networks import one_person

from har_ros.commands.main import main
from har_ros.recordings import messages

MSG = Path(__file__).parents[2] / "msg" / "ActionEvent.msg"
RISING = [20, 40, 60, 80, 100, 120, 140]
FALLING = [120, 100, 80, 60, 40, 20]
STARTED, GOING_ON, ENDED = range(3)
OTHER = "/cam02/image_raw"
KIND = "har_ros/msg/ActionEvent"


@pytest.fixture
def index(brightness_card, capsys):
    def run(*arguments, **parameters):
        given = {"model": str(brightness_card), "event_min_duration": 0.5, "event_max_gap": 0.0, **parameters}
        options = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
        status = main(["events", "index", *map(str, arguments), *options])
        return (status, *capsys.readouterr())

    return run


def said(path):
    """Read a bag with rosbags, with no definition but the bag's own. Returns arrivals and messages."""
    with AnyReader([path]) as reader:
        assert [(c.topic, c.msgtype) for c in reader.connections] == [("/actions/events", KIND)]
        return [(time, reader.deserialize(data, c.msgtype)) for c, time, data in reader.messages()]


def stamp(time):
    return time.sec * SECOND + time.nanosec


def test_the_definition_is_that_of_the_message():
    assert get_types_from_msg(messages.EVENT_DEFINITION, KIND) == get_types_from_msg(MSG.read_text(), KIND)


def test_events_stand_at_the_arrival_of_the_images_that_show_them(index, tmp_path):
    items = [*series(RISING + FALLING, late=0.25), *series([9] * 4 + RISING, OTHER, frame_id="cam02")]
    status, out, _ = index(write_bag(tmp_path / "bag", items), "-o", tmp_path / "events")
    found = said(tmp_path / "events")
    assert (status, out) == (0, f"{len({one.id for _, one in found})} events: {tmp_path / 'events'}\n")
    assert len({one.id for _, one in found}) == len({(one.id, one.image_topic, one.class_id) for _, one in found})
    arrivals = [time for time, _ in found]
    assert arrivals == sorted(arrivals)
    assert set(arrivals) <= {time for _, _, time, _ in items}
    of_first = [(time, one) for time, one in found if (one.image_topic, one.class_id) == (TOPIC, "fourth")]
    assert [one.state for _, one in of_first] == [STARTED, *[GOING_ON] * (len(of_first) - 2), ENDED]
    assert len({one.id for _, one in of_first}) == 1
    assert of_first[0][0] - T0 == 3.25 * SECOND  # when it is said: the first window is full
    assert {stamp(one.said) - T0 for _, one in of_first} == {3 * SECOND}
    assert {stamp(one.start) for _, one in of_first[1:]} == {T0}
    assert all(stamp(one.end) == stamp(one.header.stamp) < time for time, one in of_first)
    assert all(stamp(a.end) <= stamp(b.end) for (_, a), (_, b) in pairwise(of_first))
    assert 5 * SECOND <= stamp(of_first[-1][1].end) - T0 <= 9 * SECOND  # image 6 is the brightest
    assert {(one.image_topic, one.header.frame_id) for _, one in found} == {(TOPIC, "cam01"), (OTHER, "cam02")}
    assert sum(one.state == STARTED for _, one in found) == sum(one.state == ENDED for _, one in found)


def test_a_file_alone_is_read_by_mcaps_own_reader(index, tmp_path):
    bag = write_bag(tmp_path / "bag", series(RISING))
    assert index(bag, "-o", tmp_path / "events.mcap")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag", "events.mcap"]
    with (tmp_path / "events.mcap").open("rb") as file:
        read = make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
        schemas, decoded = zip(*((schema, message) for schema, _, _, message in read), strict=True)
    assert {(one.name, one.encoding) for one in schemas} == {(KIND, "ros2msg")}
    assert b"\nuint8 ENDED=2\n" in schemas[0].data  # Foxglove shows the state's name
    assert [one.class_id for one in decoded] == ["fourth"] * len(decoded)
    assert decoded[-1].state == ENDED
    assert decoded[-1].end.sec * SECOND == T0 + 6 * SECOND


def test_people_have_events_with_the_same_ids_each_time(index, brightness_card, tmp_path):
    values = range(130, 240, 10)
    bag = write_bag(tmp_path / "bag", series(values, size=64))
    persons = {"persons": True, "pose_model": one_person(tmp_path), "persons_model": '""'}
    for output in ("one", "two"):
        assert index(bag, "-o", tmp_path / output, **persons)[0] == 0
    one, two = ([(time, repr(message)) for time, message in said(tmp_path / name)] for name in ("one", "two"))
    assert one == two
    assert {message.track_id for _, message in said(tmp_path / "one")} == {"", "p1_1"}
    alone = {**persons, "persons_model": str(brightness_card), "model": "none"}
    assert index(bag, "-o", tmp_path / "alone", **alone)[0] == 0
    assert {message.track_id for _, message in said(tmp_path / "alone")} == {"p1_1"}
    bag = write_bag(tmp_path / "nobody", series([0] * 20, size=64))
    status, _, error = index(bag, "-o", tmp_path / "none", **alone)
    assert (status, error.endswith("shows nobody for long enough to fill a window; see pose_size\n")) == (1, True)


@pytest.mark.parametrize(
    ("write", "arguments", "reason"),
    [
        (lambda path: write_bag(path, [("/chatter", "std_msgs/msg/String", T0, b"\0\1\0\0\0\0\0\0")]), [], "no images"),
        (lambda path: write_bag(path, series(RISING[:3])), [], "fills no window, which spans 4 frames; set frames"),
        (lambda path: write_bag(path, series(RISING)), ["-p", "event_end:=0.9"], "event_end is 0.9, above event_start"),
        (lambda path: write_bag(path, series(RISING)), ["-p", "image_topics:=[/x]"], "has no images on /x"),
        (lambda path: write_video(path.with_suffix(".avi"), 5), [], r"is no bag; for a video: actionnet .*bag.avi"),
    ],
)
def test_what_cannot_be_indexed_is_said_in_a_sentence_and_leaves_nothing(index, tmp_path, write, arguments, reason):
    bag = write(tmp_path / "bag")
    status, _, err = index(bag, "-o", tmp_path / "events", *arguments)
    assert (status, err.count("\n")) == (1, 1)
    assert re.search(reason, err)
    assert list(tmp_path.iterdir()) == [Path(bag)]


def test_an_output_that_exists_is_left_as_it_is(index, tmp_path):
    bag = write_bag(tmp_path / "bag", series(RISING))
    output = tmp_path / "events.mcap"
    output.write_text("mine")
    status, _, err = index(bag, "-o", output)
    assert (status, output.read_text()) == (1, "mine")
    assert f"{output} exists already" in err


def test_one_bag_at_a_time(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["events", "index", "one", "two", "-o", str(tmp_path / "events")])
    assert ended.value.code == 2
    assert "unrecognized arguments: two" in capsys.readouterr().err


def test_a_damaged_bag_has_the_events_up_to_the_damage(index, tmp_path):
    """100 grey images, whose second chunk cannot be read: the classes are equally likely."""
    bag = damaged_bag(tmp_path / "bag")
    status, out, err = index(bag, "-o", tmp_path / "events", event_start=0.2, event_end=0.2)
    assert (status, out) == (1, f"1 event: {tmp_path / 'events'}\n")
    assert "cannot be read after" in err
    assert f"the events up to there are in {tmp_path / 'events'}" in err.replace("\n", " ")
    assert said(tmp_path / "events")[-1][1].state == ENDED


def test_images_that_cannot_be_read_are_counted(index, tmp_path):
    items = series(RISING)
    items[2] = (*items[2][:3], b"\0\1\0\0\1")
    status, out, err = index(write_bag(tmp_path / "bag", items), "-o", tmp_path / "events")
    assert (status, out.split()[0]) == (0, "1")
    assert "1 image could not be used, the last: a message on /cam01/image_raw cannot be read" in err.replace("\n", " ")
