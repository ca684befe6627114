"""Writes rosbag2 bags (mcap): those of `actionnet record` and `actionnet events`, and annotated ones of evaluations."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer

from har_ros.errors import ConfigurationError, HarError
from har_ros.files.results_folder import reserved
from har_ros.pipeline.events import Event
from har_ros.pipeline.scores import Hypothesis
from har_ros.recordings import messages
from har_ros.recordings.bag import ACTION_EVENT, CLASSIFICATION, COMPRESSED, RAW

METADATA_VERSION: Literal[8] = 8
"""Of rosbag2's metadata.yaml: what Humble reads, too."""
JPEG_QUALITY = 90
MCAP = ".mcap"


class BagWriter:
    """A bag that is there only when it is complete: it is written beside its place and renamed at the end."""

    def __init__(self, path: Path) -> None:
        """path: of the bag's folder, or of a file alone, which ends in .mcap.

        Raises HarError when something is there, the folder cannot be written, or another process writes the bag.
        """
        self._path = path
        self._part = path.parent / f".{path.name}.part" / path.name  # rosbag2 names its file after the folder
        self._connections: dict[str, Connection] = {}
        with ExitStack() as stack:
            stack.enter_context(reserved(self._part.parent))
            stack.callback(shutil.rmtree, self._part.parent, ignore_errors=True)
            if path.exists():
                raise ConfigurationError(f"{path} exists already; remove it or give another name")
            self._writer = self._opened()
            self._reserved = stack.pop_all()

    def _opened(self) -> Writer:
        try:
            shutil.rmtree(self._part, ignore_errors=True)
            writer = Writer(self._part, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
            writer.open()
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path} ({error.strerror}); check the folder") from None
        return writer

    def image(self, topic: str, time: int, pixels: NDArray[np.uint8], encoding: str, stamp: int, frame_id: str) -> None:
        """Write uint8 H×W×3 as sensor_msgs/Image. time: of the recording, stamp: of the image, nanoseconds."""
        self._write(topic, RAW, time, messages.image(pixels, encoding, stamp, frame_id))

    def jpeg(self, topic: str, time: int, pixels: NDArray[np.uint8], stamp: int, frame_id: str) -> None:
        """Write uint8 H×W×3 BGR as sensor_msgs/CompressedImage on `<topic>/compressed`."""
        data = np.asarray(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1], np.uint8)
        message = messages.compressed_image(data.reshape(-1), stamp, frame_id)
        self._write(f"{topic}/compressed", COMPRESSED, time, message)

    def actions(self, topic: str, time: int, hypotheses: tuple[Hypothesis, ...], stamp: int, frame_id: str) -> None:
        """Write vision_msgs/Classification."""
        self._write(topic, CLASSIFICATION, time, messages.classification(hypotheses, stamp, frame_id))

    def event(self, topic: str, time: int, event: Event, name: str, camera: str, frame_id: str) -> None:
        """Write har_ros/ActionEvent. name: the event's id. camera: the topic of the images."""
        self._write(topic, ACTION_EVENT, time, messages.action_event(event, name, camera, frame_id))

    def _write(self, topic: str, kind: str, time: int, message: Any) -> None:
        try:
            if topic not in self._connections:
                self._connections[topic] = self._writer.add_connection(topic, kind, typestore=messages.ROS2)
            self._writer.write(self._connections[topic], time, messages.ROS2.serialize_cdr(message, kind))
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> HarError:
        return HarError(f"cannot write {self._path} ({error.strerror}); check folder and disk")

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the bag; after an error nothing of it stays. Raises HarError."""
        try:
            if kind is None:
                self._writer.close()
                whole = self._part / f"{self._part.name}{MCAP}" if self._path.suffix == MCAP else self._part
                whole.rename(self._path)
            else:
                with suppress(OSError):  # of a full disk, which has been reported
                    self._writer.abort()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._reserved.close()
