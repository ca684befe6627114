"""Bags for the tests: grey 8×8 images of given brightness, one second apart."""

import json
import shutil

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from har_ros.evaluate import results
from har_ros.files.results_folder import METRICS
from har_ros.pipeline.scores import Hypothesis
from har_ros.recordings import messages
from har_ros.recordings.bag import RAW, ZSTD

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
TOPIC = "/cam01/image_raw"


def grey(value, size=8):
    return np.full((size, size, 3), value, np.uint8)


def image(value, second, frame_id="cam01", size=8):
    return messages.image(grey(value, size), "bgr8", T0 + round(second * SECOND), frame_id)


def action(label, second, frame_id="cam01"):
    labels = (Hypothesis(label, 1.0),) if label else ()
    return messages.classification(labels, T0 + round(second * SECOND), frame_id)


def series(values, topic=TOPIC, period=1.0, late=0.0, frame_id="cam01", size=8):
    """Return topic, type, arrival and message of images from T0 on, which arrive `late` seconds later."""
    return [
        (topic, RAW, T0 + round((i * period + late) * SECOND), image(value, i * period, frame_id, size))
        for i, value in enumerate(values)
    ]


def write_bag(path, items, storage="mcap", compression=CompressionMode.NONE):
    """Write topic, type, arrival and message in the order of arrival."""
    writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, kind, arrival, message in sorted(items, key=lambda item: item[2]):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=messages.ROS2)
            data = message if isinstance(message, bytes) else messages.ROS2.serialize_cdr(message, kind)
            writer.write(connections[topic], arrival, data)
    return path


def write_ros1(path, items):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        connections = {}
        for topic, kind, arrival, message in items:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], arrival, store.serialize_ros1(ros1(store, message, kind), kind))
    return path


def ros1(store, message, kind):
    header = message.header
    time = store.types["builtin_interfaces/msg/Time"](header.stamp.sec, header.stamp.nanosec)
    fields = [getattr(message, name) for name in message.__dataclass_fields__ if name not in ("header", "__msgtype__")]
    return store.types[kind](store.types["std_msgs/msg/Header"](0, time, header.frame_id), *fields)


def split_bag(path, items, parts=3):
    """Write a bag of several files, as ros2 bag record --max-bag-size does."""
    each = -(-len(items) // parts)
    files = []
    for number in range(parts):
        part = write_bag(path.parent / f"{path.name}_{number}", items[number * each : (number + 1) * each])
        files.append(part / f"{part.name}.mcap")
    whole = write_bag(path, items)
    metadata = whole / "metadata.yaml"
    text = metadata.read_text()
    listed = "\n".join(f"  - {file.name}" for file in files)
    assert f"  - {path.name}.mcap" in text
    metadata.write_text(text.replace(f"  - {path.name}.mcap", listed))
    (whole / f"{path.name}.mcap").unlink()
    for file in files:
        shutil.move(file, whole)
        shutil.rmtree(file.parent)
    return whole


def damaged_bag(path):
    """Write a bag of 100 images whose second chunk, images 34 to 67, cannot be unpacked."""
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    pictures = [messages.image(noise, "bgr8", T0 + i * SECOND, "cam01") for i in range(100)]
    items = [(TOPIC, RAW, T0 + i * SECOND, picture) for i, picture in enumerate(pictures)]
    file = write_bag(path, items, compression=CompressionMode.STORAGE) / f"{path.name}.mcap"
    data = bytearray(file.read_bytes())
    second = data.index(ZSTD, data.index(ZSTD) + 1)
    data[second : second + 20] = b"\xff" * 20
    file.write_bytes(data)
    return path


def values_of(seed, count=60):
    """Return brightness that makes another frame of each window the brightest."""
    return [(seed * 37 + i * i * 23) % 200 + 10 for i in range(count)]


def contents(folder):
    """Return the files of an evaluation that are the same whenever it runs."""
    return {name: (folder / name).read_bytes() for name in (results.PREDICTIONS, METRICS, results.REPORT)}


def lines(folder):
    """Return the header and the windows of an evaluation's predictions."""
    return [json.loads(line) for line in (folder / results.PREDICTIONS).read_text().splitlines()]
