"""One recording, evaluated: its part of the predictions, which stays until all parts are joined."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.compressed import decode_all
from har_ros.errors import HarError, ImageError, one_line
from har_ros.evaluate import results
from har_ros.evaluate.bag import BagError, Recorded, open_recording
from har_ros.evaluate.replay import Camera, Replay, Seen
from har_ros.evaluate.writer import BagWriter
from har_ros.models.cache import digest
from har_ros.networks import Answer, ClipNetwork, Memory
from har_ros.overlay import annotate, announce, overlay_topics
from har_ros.parameters import score_settings, stream_settings
from har_ros.pixels import to_rgb
from har_ros.recognizer import Recognizer
from har_ros.scores import Prediction
from har_ros.window import Clip

PARTS = ".parts"
ANNOTATED = "annotated"
PERIOD = 0.2
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Job:
    """A recording to evaluate. name: unique among those of a run. See Bag for topics and transport."""

    name: str
    path: Path
    topics: tuple[str, ...] = ()
    transport: str = "raw"


@dataclass(frozen=True)
class Plan:
    """How recordings are evaluated. values: the node's parameters. folder: of the results.

    inference_time: seconds that a run of the network is to take, 0: no matter. realtime_factor: how fast the recordings
    go by meanwhile, 2 is twice as fast as they were recorded. annotate: whether to write annotated bags.
    """

    values: dict[str, Any]
    folder: Path
    inference_time: float = 0.0
    realtime_factor: float = 1.0
    annotate: bool = False

    @property
    def busy(self) -> float:
        """Seconds on the recordings' clock that a run takes."""
        return self.inference_time * self.realtime_factor


@dataclass(frozen=True)
class Progress:
    """How far a recording is: images taken of `total`, and windows that ran."""

    name: str
    images: int
    total: int
    windows: int


class StoppedError(Exception):
    """Somebody wants the work to end; what was done is kept."""


def header(recognizer: Recognizer, plan: Plan) -> dict[str, Any]:
    """Return all that decides what the predictions are, but for the recordings."""
    versions = {name: _version(name) for name in ("har_ros", "numpy", "opencv-python-headless", "openvino", "rosbags")}
    return {
        "format": results.FORMAT,
        "versions": versions,
        "backend": recognizer.network.backend.name,
        "card": dataclasses.asdict(recognizer.card),
        "labels": list(recognizer.labels),
        "parameters": plan.values,
        "inference_time": plan.inference_time,
        "realtime_factor": plan.realtime_factor,
    }


def fingerprint(files: Sequence[Path]) -> str:
    """Return the SHA-256 of files and their names."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name} {digest(file, 'sha256')}\n".encode())
    return total.hexdigest()


def run(
    job: Job,
    plan: Plan,
    recognizer: Recognizer,
    tell: Callable[[Progress], None],
    stopped: Callable[[], bool] = lambda: False,
) -> str:
    """Evaluate a recording, or go on where an earlier run ended. Returns the key of its part.

    Raises HarError, and StoppedError as soon as `stopped` says so.
    """
    recording = open_recording(job.path, job.topics, job.transport)
    sha256 = fingerprint(recording.files())
    identity = json.dumps([header(recognizer, plan), sha256, job.name, recording.cameras, plan.annotate])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    parts = plan.folder / PARTS
    done = parts / f"{key}.json"
    if done.is_file() and (not plan.annotate or annotated_bag(plan.folder, job.name).is_dir()):
        return key
    summary = {"name": job.name, "sha256": sha256, "error": "", "cameras": {}}
    numbers = {label: number for number, label in enumerate(recognizer.labels)}
    scores = score_settings(plan.values, recognizer.labels)
    every = dataclasses.replace(scores, top_k=len(recognizer.labels))
    began, told, images, windows = time.monotonic(), 0.0, 0, 0
    try:
        with ExitStack() as stack:
            parts.mkdir(parents=True, exist_ok=True)
            remembered = None
            if isinstance(recognizer.network, ClipNetwork):
                remembered = Remembered(recognizer.network, parts / f"{key}.answers", len(recognizer.labels))
                stack.callback(remembered.end)
                recognizer = Recognizer(recognizer.card, recognizer.labels, remembered)
            lines = stack.enter_context((parts / f"{key}.jsonl").open("w", encoding="utf-8"))
            film = stack.enter_context(Film(plan, job, recording.cameras)) if plan.annotate else None

            def on_result(seen: Seen) -> None:
                nonlocal windows
                windows += 1
                lines.write(results.line(job.name, seen, numbers, scores.top_k))
                if film is not None:
                    film.add(seen)

            def on_image(recorded: Recorded, camera: Camera) -> None:
                nonlocal images, told
                images += 1
                if film is not None:
                    film.draw(recorded, camera)
                if (now := time.monotonic()) >= told + PERIOD:
                    told = now
                    tell(Progress(job.name, images, recording.count, windows))
                if stopped():
                    raise StoppedError

            replay = Replay(
                recognizer,
                recording.cameras,
                stream_settings(plan.values),
                every,
                inference_time=plan.busy,
                on_result=on_result,
                on_image=on_image,
            )
            try:
                replay.play(recording.images())
            except BagError as error:
                summary["error"] = str(error)
        summary["cameras"] = {name: dataclasses.asdict(counts) for name, counts in replay.counts().items()}
        skipped = remembered.replayed if remembered else 0
        took = timing(list(replay.inference_times)[skipped:], time.monotonic() - began)
        results.write_json(parts / f"{key}.timing.json", took)
        results.write_json(done, summary)
    except OSError as error:
        raise HarError(f"cannot write {plan.folder} ({one_line(error)}); check folder and disk") from None
    tell(Progress(job.name, images, images, windows))
    return key


def timing(inference_times: Sequence[float], wall: float) -> dict[str, Any]:
    """Return what the runs of the network took, in seconds, without those of an earlier run."""
    times = np.array(inference_times)
    percentiles = np.percentile(times, (50, 95)).tolist() if len(times) else [float("nan")] * 2
    return {"runs": len(times), "median": percentiles[0], "p95": percentiles[1], "all": times.sum(), "wall": wall}


class Remembered:
    """A clip network that keeps its answers in a file, and first gives those of an interrupted run."""

    def __init__(self, network: ClipNetwork, path: Path, classes: int) -> None:
        """Raises OSError. classes: the number of values in an answer."""
        self._network = network
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_window, self.new_memory = network.new_window, network.new_memory
        known = np.fromfile(path, np.float32) if path.is_file() else np.zeros(0, np.float32)
        self._known: NDArray[np.float32] = known[: len(known) // classes * classes].reshape(-1, classes)
        self._file = path.open("r+b" if path.is_file() else "w+b")
        self._file.truncate(self._known.nbytes)
        self._file.seek(0, 2)
        self._next = 0
        self.replayed = 0  # runs that were not necessary

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """See Network."""
        rows = self._known[self._next : self._next + len(clips)]
        self._next += len(clips)
        if len(rows) == len(clips):
            self.replayed += 1
            return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]
        try:
            answers = self._network.run(clips, memories)
        except Exception:
            self._keep([None] * (len(clips) - len(rows)))  # a run that fails has a place, too
            raise
        self._keep(answers[len(rows) :])
        return answers

    def _keep(self, answers: Sequence[Answer | None]) -> None:
        for answer in answers:
            row = answer.probabilities if answer else np.full(self._known.shape[1], np.nan)
            self._file.write(np.asarray(row, np.float32).tobytes())
        self._file.flush()

    def end(self) -> None:
        """Close the file; the network stays."""
        self._file.close()

    def close(self) -> None:
        """See Network."""


class Film:
    """The annotated bag of a recording: /actions, and images with the actions drawn in, as JPEG."""

    def __init__(self, plan: Plan, job: Job, cameras: Sequence[str]) -> None:
        """Raises HarError."""
        path = annotated_bag(plan.folder, job.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)  # of an interrupted run
        self._bag = BagWriter(path)
        self._top_k = plan.values["top_k"]
        self._topics = dict(zip(cameras, overlay_topics(list(cameras)), strict=True))

    def add(self, seen: Seen) -> None:
        """Write a result."""
        prediction = self._published(seen.result.prediction)
        self._bag.actions("/actions", seen.published, prediction.accepted, seen.result.end, seen.result.frame_id)

    def draw(self, recorded: Recorded, camera: Camera) -> None:
        """Write an image with what was last said of its camera; one that cannot be read is left out."""
        if isinstance(recorded.image, ImageError):
            return
        try:
            pixels = to_rgb(decode_all(recorded.image))
        except ImageError:
            return
        if camera.prediction is None or camera.stream.fill < camera.stream.length:
            announce(pixels, f"warming up {camera.stream.fill}/{camera.stream.length}")
        else:
            annotate(pixels, self._published(camera.prediction))
        bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        stamp = recorded.image.stamp or recorded.arrival
        self._bag.jpeg(self._topics[recorded.camera], recorded.arrival, bgr, stamp, recorded.image.frame_id)

    def _published(self, prediction: Prediction) -> Prediction:
        return dataclasses.replace(prediction, hypotheses=prediction.hypotheses[: self._top_k])

    def __enter__(self) -> Film:
        self._bag.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bag.__exit__(*error)


def annotated_bag(folder: Path, name: str) -> Path:
    """Return where a recording's annotated bag lies."""
    return folder / ANNOTATED / name.replace("/", "_").replace(".", "_")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
