"""Recordings: rosbag2 and ROS 1 bags, and videos, which are taken like bags with one camera."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from har_ros.errors import ConfigurationError, ImageError, one_line
from har_ros.files.schema import load_yaml
from har_ros.files.text import CONTROL_CHARACTER, read_text
from har_ros.frames.cdr import read_encoded_image, read_image
from har_ros.frames.compressed import AnyImage, EncodedImage
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import SECOND
from har_ros.recordings.messages import ROS1, ROS2
from har_ros.recordings.recording import STORAGE, Announced, BagError, Recorded, VideoRecording, content
from har_ros.recordings.source import PICTURES, check_name

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CLASSIFICATION = "vision_msgs/msg/Classification"
ACTION_EVENT = "har_ros/msg/ActionEvent"
DEFAULT_TOPICS = ["image_raw"]
"""As the node has them: when a bag has no such topic, all its cameras are meant."""
ZSTD = b"\x28\xb5\x2f\xfd"


class Bag:
    """A rosbag2 folder or file, or a ROS 1 bag.

    A camera is a topic of images; where it was recorded as JPEG or PNG only, that which ends in /compressed.
    """

    def __init__(self, path: Path, topics: Sequence[str] = (), transport: str = "raw") -> None:
        """Look what is in it. Raises BagError, or ConfigurationError when a topic is not there.

        topics: the cameras wanted, none for all. transport: raw or compressed, what to take where both are there.
        """
        self.path = path
        self._paths = _storage_files(path)
        with self._opened() as readers:
            connections = [(c.topic, c.msgtype, c.msgcount) for r in readers for c in r.connections]
            times = [(r.start_time, r.end_time) for r in readers if r.message_count]
        self.duration = (max(t[1] for t in times) - min(t[0] for t in times)) / SECOND if times else 0.0
        self._topics = self._chosen({(topic, kind) for topic, kind, _ in connections}, topics, transport)
        self.cameras = tuple(dict.fromkeys(self._topics.values()))
        self.count = sum(count for topic, kind, count in connections if (topic, kind) in self._topics)

    def _chosen(self, there: set[tuple[str, str]], wanted: Sequence[str], transport: str) -> dict[tuple[str, str], str]:
        """Return topic and type → camera."""
        ways: dict[str, dict[str, tuple[str, str]]] = {}
        for topic, kind in sorted(there):
            if kind == RAW and not topic.endswith("/actions_image"):
                ways.setdefault(topic, {})["raw"] = (topic, kind)
            elif kind == COMPRESSED and not topic.endswith(("/actions_image/compressed", "/compressedDepth")):
                ways.setdefault(topic.removesuffix("/compressed"), {})["compressed"] = (topic, kind)
        if not ways:
            raise BagError(f"{self.path} has no images; record sensor_msgs/Image or CompressedImage")
        if strange := [topic for topic in ways if CONTROL_CHARACTER.search(topic)]:
            raise BagError(f"{self.path} has images on {strange[0]!a}, with control characters; record it again")
        named = [topic if topic.startswith("/") else f"/{topic}" for topic in wanted if topic]
        if missing := [topic for topic in named if topic not in ways]:
            if list(wanted) != DEFAULT_TOPICS:
                raise ConfigurationError(f"{self.path} has no images on {missing[0]}; it has {', '.join(ways)}")
            named = []
        chosen = {camera: ways[camera] for camera in dict.fromkeys(named or ways)}
        return {way.get(transport, next(iter(way.values()))): camera for camera, way in chosen.items()}

    def files(self) -> list[Path]:
        """Return all that belongs to it, in a fixed order."""
        metadata = self.path / "metadata.yaml"
        return [*([metadata] if metadata.is_file() else []), *content(self.path)]

    def images(self, start: int | None = None, stop: int | None = None) -> Iterator[Recorded]:
        """Yield what arrived from `start` on and before `stop`. Raises BagError after what could be read."""
        for connection, arrival, data in self._messages(set(self._topics), start, stop):
            camera = self._topics[connection.topic, connection.msgtype]
            image: AnyImage | ImageError
            try:
                image = self._image(connection, data)
            except Exception as error:  # whatever the bytes provoke
                image = ImageError(f"a message on {connection.topic} cannot be read ({one_line(error)})")
            yield Recorded(camera, arrival, image)

    def classifications(self, topic: str) -> Iterator[Announced]:
        """Yield what a topic of vision_msgs/Classification says. Raises BagError when there is no such topic."""
        for connection, _, data in self._messages({(topic, CLASSIFICATION)}):
            try:
                message = self._read(connection, data)
            except Exception as error:
                raise BagError(f"{self.path}: {topic} cannot be read ({one_line(error)}); record it again") from None
            labels = tuple(result.class_id for result in message.results)
            if strange := [label for label in labels if CONTROL_CHARACTER.search(label)]:
                raise BagError(f"{self.path}: {topic} says {strange[0]!a}, with control characters; record it again")
            yield Announced(_stamp(message.header), message.header.frame_id, labels)

    def _image(self, connection: Connection, data: bytes) -> AnyImage:
        """View an image; of ROS 2 as the node does."""
        encoded = connection.msgtype.endswith("CompressedImage")
        if self.path.suffix == ".bag":
            message = self._read(connection, data)
            return (EncodedImage if encoded else CameraImage).of_message(message, _stamp(message.header))
        _check_plain(data)
        return read_encoded_image(data) if encoded else read_image(data)

    def _read(self, connection: Connection, data: bytes) -> Any:
        if self.path.suffix == ".bag":
            return ROS1.deserialize_ros1(data, connection.msgtype)
        _check_plain(data)
        return ROS2.deserialize_cdr(data, connection.msgtype)

    def _messages(
        self, wanted: set[tuple[str, str]], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        with self._opened() as readers:
            chosen = [[c for c in reader.connections if (c.topic, c.msgtype) in wanted] for reader in readers]
            if not any(chosen):
                topic, kind = min(wanted)
                raise BagError(f"{self.path} has no {kind} on {topic}; check the topic's name")
            streams = [r.messages(c, start=start, stop=stop) for r, c in zip(readers, chosen, strict=True) if c]
            messages = heapq.merge(*streams, key=lambda item: item[1])
            last = None
            while True:
                try:
                    item = next(messages, None)
                except Exception as error:  # rosbags', SQLite's, zstd's, lz4's
                    place = "at all" if last is None else f"after {last / SECOND:.3f} s"
                    raise BagError(f"{self.path} cannot be read {place} ({one_line(error)}); {REPAIR}") from None
                if item is None:
                    return
                last = item[1]
                yield item

    def _opened(self) -> _Readers:
        return _Readers(self._paths)


REPAIR = "try: mcap recover, or: ros2 bag reindex"


class _Readers(ExitStack):
    """The opened readers of a bag's files."""

    def __init__(self, paths: list[Path]) -> None:
        super().__init__()
        self._paths = paths

    def __enter__(self) -> list[Any]:  # type: ignore[override]
        super().__enter__()
        readers: list[Any] = []
        for path in self._paths:
            try:
                reader = Reader1(path) if path.suffix == ".bag" else Reader2(path)
                readers.append(self.enter_context(reader))
            except Exception as error:  # whatever a damaged file provokes
                self.close()
                text = one_line(error)
                if "magic" in text or "footer" in text:
                    text = "its recorder did not finish it, or it is damaged"
                raise BagError(f"{path} cannot be opened ({text}); {REPAIR}") from None
        return readers


def open_recording(path: Path, topics: Sequence[str] = (), transport: str = "raw") -> Bag | VideoRecording:
    """Open a bag or a video. Raises HarError; see Bag for topics and transport."""
    check_name(str(path))
    if not path.is_file() and not path.is_dir():
        raise BagError(f"{path} does not exist or is no file; give a bag's folder or file, or a video")
    if path.suffix == ".bag" or path.suffix in STORAGE:
        return Bag(path, topics, transport)
    if path.suffix == ".zstd":
        raise BagError(f"{path} is a part of a compressed bag; give the folder with its metadata.yaml")
    if path.is_dir():
        if (path / "metadata.yaml").is_file() or content(path, STORAGE):
            return Bag(path, topics, transport)
        if not content(path, PICTURES):
            raise BagError(f"{path} has no bag in it (metadata.yaml, .mcap or .db3); give a bag's folder or file")
    return VideoRecording(path)


def _storage_files(path: Path) -> list[Path]:
    """Return what is opened: a folder with metadata by itself, one without as the files that are in it."""
    metadata = path / "metadata.yaml"
    if path.is_dir() and not metadata.is_file():
        return content(path, STORAGE)
    if path.is_dir():
        content(path)
        try:
            load_yaml(read_text(metadata), str(metadata))  # rosbags would also read aliases that expand to billions
        except ConfigurationError as error:
            raise BagError(f"{path} cannot be opened ({error})") from None
    return [path]


def _check_plain(data: bytes) -> None:
    if bytes(data[:4]) == ZSTD:
        raise BagError("its messages are compressed, which metadata.yaml says; restore that file")


def _stamp(header: Any) -> int:
    return int(header.stamp.sec) * SECOND + int(header.stamp.nanosec)
