import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from bags import SECOND, T0, TOPIC, action, damaged_bag, grey, image, series, split_bag, write_bag, write_ros1
from hypothesis import given
from hypothesis import strategies as st
from mcap_ros2.writer import Writer as McapWriter
from rosbags.rosbag2 import CompressionMode

from har_ros.errors import ConfigurationError, HarError, ImageError
from har_ros.frames.compressed import EncodedImage, decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.recordings import messages
from har_ros.recordings.bag import CLASSIFICATION, COMPRESSED, RAW, open_recording
from har_ros.recordings.recording import BagError

VALUES = list(range(10, 130, 10))


def brightness(recording, camera=TOPIC):
    """Read a recording's images, all of which can be read; return the brightness of each."""
    return [int(to_rgb(decode_all(item.image)).mean()) for item in recording.images() if item.camera == camera]


KINDS = [(storage, compression) for storage in ("mcap", "sqlite3") for compression in ("NONE", "FILE", "MESSAGE")]


@pytest.mark.parametrize(("storage", "compression"), [*KINDS, ("mcap", "STORAGE")])
def test_rosbag2_of_every_kind(tmp_path, storage, compression):
    path = write_bag(tmp_path / "bag", series(VALUES, late=0.25), storage, CompressionMode[compression])
    recording = open_recording(path)
    assert recording.cameras == (TOPIC,)
    assert recording.count == 12
    assert recording.duration == pytest.approx(11, abs=1e-6)
    items = list(recording.images())
    assert [item.image.stamp for item in items] == [T0 + i * SECOND for i in range(12)]
    assert [item.arrival - item.image.stamp for item in items] == [SECOND // 4] * 12
    assert {item.image.frame_id for item in items} == {"cam01"}
    assert brightness(recording) == VALUES
    assert [item.arrival for item in recording.images(T0 + 2 * SECOND, T0 + 5 * SECOND)] == [
        T0 + round(s * SECOND) for s in (2.25, 3.25, 4.25)
    ]


def test_a_bag_in_three_parts(tmp_path):
    assert brightness(open_recording(split_bag(tmp_path / "bag", series(VALUES)))) == VALUES


def test_a_ros_1_bag(tmp_path):
    recording = open_recording(write_ros1(tmp_path / "old.bag", series(VALUES)))
    assert brightness(recording) == VALUES
    assert next(recording.images()).image.stamp == T0


def test_a_bag_of_mcaps_own_writer(tmp_path):
    """mcap-ros2-support writes chunks with zstd and knows nothing of rosbags."""
    definition, _ = messages.ROS2.generate_msgdef(RAW, ros_version=2)
    with McapWriter(str(tmp_path / "other.mcap")) as writer:
        schema = writer.register_msgdef("sensor_msgs/msg/Image", definition)
        for i, value in enumerate(VALUES):
            stamp = {"sec": T0 // SECOND + i, "nanosec": 0}
            header = {"stamp": stamp, "frame_id": "cam01"}
            fields = {"height": 8, "width": 8, "encoding": "bgr8", "is_bigendian": 0, "step": 24}
            message = {"header": header, **fields, "data": grey(value).tobytes()}
            writer.write_message(TOPIC, schema, message, T0 + i * SECOND, T0 + i * SECOND)
    assert brightness(open_recording(tmp_path / "other.mcap")) == VALUES


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_without_its_metadata(tmp_path, storage):
    path = write_bag(tmp_path / "bag", series(VALUES), storage)
    (path / "metadata.yaml").unlink()
    assert brightness(open_recording(path)) == VALUES
    [file] = path.iterdir()
    assert brightness(open_recording(file)) == VALUES


def test_messages_that_are_compressed_need_the_metadata(tmp_path):
    path = write_bag(tmp_path / "bag", series(VALUES), "sqlite3", CompressionMode.MESSAGE)
    (path / "metadata.yaml").unlink()
    errors = {str(item.image) for item in open_recording(path).images()}
    assert len(errors) == 1
    assert "metadata.yaml" in errors.pop()


@pytest.mark.parametrize("end", [-20, -500, 0.7, 0.3, 40, 8, 0])
def test_an_unfinished_mcap_is_refused_with_the_remedy(tmp_path, end):
    path = write_bag(tmp_path / "bag", series(VALUES)) / "bag.mcap"
    size = path.stat().st_size
    os.truncate(path, size + end if end < 0 else int(end * size) if isinstance(end, float) else end)
    with pytest.raises(BagError, match=r"bag.mcap cannot be opened \(.*\); try: mcap recover, or: ros2 bag reindex"):
        open_recording(path)


def test_what_is_no_recording_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mcap").write_text("hello")
    (tmp_path / "part.mcap.zstd").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("hello")
    bag = write_bag(tmp_path / "bag", [("/chatter", "std_msgs/msg/String", T0, b"\0\1\0\0\0\0\0\0")])
    for name, text in [
        ("nowhere", "does not exist"),
        ("empty", "has no bag in it"),
        ("text.mcap", "cannot be opened"),
        ("part.mcap.zstd", "give the folder with its metadata.yaml"),
        ("notes.txt", "cannot be opened as a video"),
        (bag.name, "has no images"),
    ]:
        with pytest.raises(HarError, match=text):
            open_recording(tmp_path / name)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["a pipe", "a folder", "a broken link"]
)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, whole, put):
    path = write_bag(tmp_path / "bag", series(VALUES))
    if not whole:
        (path / "metadata.yaml").unlink()
    put(path / "part.mcap")
    with pytest.raises(BagError, match=r"part\.mcap is no file \(a folder, a pipe or a broken link\); fix it"):
        open_recording(path)


@pytest.mark.parametrize("name", ["film.avi", "bag.mcap", "pictures/1.png"])
def test_a_name_that_is_not_utf8_is_refused(tmp_path, name):
    """OpenCV ends the process when it gets one."""
    path = tmp_path / name.replace(".", "\udcff.")
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(HarError, match=r"the name '.*\\udcff\..*' is not UTF-8; rename it"):
        list(open_recording(path.parent if "/" in name else path).images())


def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "bag.mcap")
    with pytest.raises(BagError, match=r"bag\.mcap does not exist or is no file"):
        open_recording(tmp_path / "bag.mcap")


def test_a_bag_of_links_is_read(tmp_path):
    file = write_bag(tmp_path / "bag", series(VALUES)) / "bag.mcap"
    (tmp_path / "links").mkdir()
    (tmp_path / "links/bag.mcap").symlink_to(file)
    assert open_recording(tmp_path / "links").count == len(VALUES)


def test_metadata_that_unfolds_to_billions_is_refused(tmp_path):
    path = write_bag(tmp_path / "bag", series(VALUES))
    rows = [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 11)]
    metadata = path / "metadata.yaml"
    metadata.write_text("\n".join(["m0: &m0 {a: 1}", *rows, metadata.read_text()]))
    with pytest.raises(BagError, match=r"metadata\.yaml: line 2 has the alias \*m0"):
        open_recording(path)


def test_metadata_that_lies_is_refused(tmp_path):
    path = write_bag(tmp_path / "bag", series(VALUES))
    metadata = path / "metadata.yaml"
    for old, new in [("bag.mcap", "other.mcap"), ("version: 8", "version: 99"), ("mcap\n", "lost\n")]:
        text = metadata.read_text()
        metadata.write_text(text.replace(old, new))
        with pytest.raises(BagError, match="bag cannot be opened"):
            open_recording(path)
        metadata.write_text(text)


def encoded(value, second):
    jpeg = cv2.imencode(".jpg", grey(value))[1].reshape(-1)
    return messages.compressed_image(jpeg, T0 + second * SECOND, "cam01")


def test_cameras_are_topics_of_images_raw_or_compressed(tmp_path):
    jpegs = [("/b/image/compressed", COMPRESSED, T0 + i * SECOND, encoded(value, i)) for i, value in enumerate(VALUES)]
    both = [(f"{TOPIC}/compressed", COMPRESSED, T0, encoded(1, 0))]
    overlay = [("/cam01/actions_image", RAW, T0, image(1, 0))]
    path = write_bag(tmp_path / "bag", [*series(VALUES), *jpegs, *both, *overlay])
    everything = open_recording(path)
    assert everything.cameras == ("/b/image", TOPIC)
    assert everything.count == 24
    assert brightness(everything) == VALUES
    assert brightness(everything, "/b/image") == VALUES
    assert isinstance(next(open_recording(path, [TOPIC], "compressed").images()).image, EncodedImage)
    assert open_recording(path, ["/b/image"]).cameras == ("/b/image",)
    assert open_recording(path, ["image_raw"]).cameras == everything.cameras  # the default, which is not there
    with pytest.raises(ConfigurationError, match="has no images on /c; it has /b/image, /cam01/image_raw"):
        open_recording(path, ["/c"])


def test_a_broken_message_is_an_error_and_the_next_is_read(tmp_path):
    items = series(VALUES)
    items[3] = (*items[3][:3], b"\0\1\0\0\1\2\3")
    images = [item.image for item in open_recording(write_bag(tmp_path / "bag", items)).images()]
    assert [isinstance(image, ImageError) for image in images] == [i == 3 for i in range(12)]
    assert "a message on /cam01/image_raw cannot be read" in str(images[3])


def test_damage_in_the_middle_is_told_behind_what_could_be_read(tmp_path):
    read = []
    with pytest.raises(BagError, match=r"bag cannot be read after 17000000\d\d.000 s \(.*\); try: mcap recover"):
        list(_noted(open_recording(damaged_bag(tmp_path / "bag")).images(), read))
    assert 20 < len(read) < 60


def _noted(items, read):
    for item in items:
        read.append(item)
        yield item


@given(st.data())
def test_arbitrary_damage_is_told_in_a_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    storage = data.draw(st.sampled_from(["mcap", "sqlite3", "ros1"]))
    if storage == "ros1":
        file = write_ros1(folder / "bag.bag", series(VALUES[:3]))
    else:
        path = write_bag(folder / "bag", series(VALUES[:3]), storage)
        file = next(file for file in path.iterdir() if file.suffix != ".yaml")
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + 1] = data.draw(st.binary(max_size=4))
    file.write_bytes(content)
    try:
        for item in open_recording(file).images():
            assert isinstance(item.arrival, int)
    except HarError as error:
        assert "\n" not in str(error)


def test_a_video_is_a_recording_with_one_camera(tmp_path):
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for value in VALUES:
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    recording = open_recording(tmp_path / "film.avi")
    assert recording.cameras == ("/video",)
    assert (recording.count, recording.duration) == (12, pytest.approx(1.2))
    items = list(recording.images())
    assert [item.image.stamp for item in items] == [i * SECOND // 10 for i in range(12)]
    assert [item.arrival for item in recording.images(300_000_000, 500_000_000)] == [300_000_000, 400_000_000]


@pytest.mark.parametrize(("topic", "label"), [("/cam\x1b[31m", "first"), (TOPIC, "\x1b[31mfirst")])
def test_what_a_terminal_would_obey_is_refused(tmp_path, topic, label):
    spoken = ("/truth", CLASSIFICATION, T0, action(label, 0))
    path = write_bag(tmp_path / "bag", [*series(VALUES, topic), spoken])
    with pytest.raises(HarError, match=r"'.*\\x1b\[31m.*', with control characters; record it again"):
        list(open_recording(path).classifications("/truth"))


def test_a_name_that_a_terminal_would_obey_is_refused(tmp_path):
    with pytest.raises(HarError, match=r"the name '.*\\x1b\[31mred.avi' has control characters; rename it"):
        open_recording(tmp_path / "\x1b[31mred.avi")
