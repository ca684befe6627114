"""One recording, evaluated: its part of the predictions, which stays until all parts are joined."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError, HarError, one_line
from har_ros.evaluate import results
from har_ros.evaluate.film import annotated_bag
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.part import Part
from har_ros.evaluate.plan import Job, Plan, Progress
from har_ros.evaluate.replay import Replay, Seen
from har_ros.files.cache import fingerprint
from har_ros.files.results_folder import write_json
from har_ros.files.versions import COMPUTING, version_of
from har_ros.graphs.onnx_file import network_files
from har_ros.pipeline.configuration import named_model, person_labels, person_networks, stream_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.recording import BagError, Recorded, Recording, VideoRecording
from har_ros.recordings.remote import named
from har_ros.workers.workers import StoppedError

PARTS = ".parts"
PERIOD = 0.2
"""Seconds between two reports of progress."""


def header_of(recognizer: Recognizer, plan: Plan) -> dict[str, Any]:
    """Return all that decides what the predictions are, but for the recordings."""
    model = named_model(plan.values)
    networks = [model.network_path(network) for network in model.card.networks]
    people: dict[str, Any] = {}
    if plan.values["persons"]:
        cards, of_people = person_networks(plan.values)
        people = {"person_cards": list(map(repr, cards)), "person_networks": _fingerprint(of_people)}
        people["person_labels"] = list(person_labels(plan.values))
    return {
        "format": results.FORMAT,
        "versions": {name: version_of(name) for name in COMPUTING},
        "backend": recognizer.network.backend.name,
        "card": dataclasses.asdict(recognizer.card),
        "network": _fingerprint(networks),
        "labels": list(recognizer.labels),
        "parameters": plan.values,
        "inference_time": plan.inference_time,
        "realtime_factor": plan.realtime_factor,
        **people,
    }


def _fingerprint(networks: list[Path]) -> str:
    return fingerprint([file for path in networks for file in network_files(path)])


def run(
    job: Job,
    plan: Plan,
    networks: EvaluatedNetworks,
    header: Mapping[str, Any],
    report: Callable[[Progress], None],
    stopped: Callable[[], bool] = lambda: False,
    known: Collection[str] = (),
) -> str:
    """Evaluate a recording, or go on where an earlier run ended. Returns the key of its part.

    header: what header_of returned. known: keys of parts that need not be made. Raises HarError, and StoppedError as
    soon as `stopped` says so.
    """
    began = time.monotonic()
    with job.opened() as recording:
        sha256 = fingerprint(recording.files())
        key = key_of(header, sha256, job, recording.cameras, plan)
        part = plan.folder / PARTS / key
        done = part.with_suffix(".json")
        complete = done.is_file() and (not plan.annotate or annotated_bag(plan.folder, job.name).is_dir())
        if complete or key in known:
            return key
        try:
            with Part(job, plan, networks, recording, part) as writer:
                replay, error = played(recording, plan, writer, report, stopped)
            times = list(replay.inference_times)[writer.replayed :]
            took = timing(times, time.monotonic() - began)
            finish(job, plan, key, sha256, replay, named(error, recording.path, job.path), took)
        except OSError as problem:
            raise HarError(f"cannot write {plan.folder} ({one_line(problem)}); check folder and disk") from None
    report(Progress(job.name, writer.images, writer.images, writer.windows))
    return key


def key_of(header: Mapping[str, Any], sha256: str, job: Job, cameras: tuple[str, ...], plan: Plan) -> str:
    """Return the key of a recording's part. header: what header_of returned. sha256: of the recording."""
    identity = json.dumps([header, sha256, job.name, cameras, plan.annotate])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def finish(job: Job, plan: Plan, key: str, sha256: str, replay: Replay, error: str, took: Mapping[str, Any]) -> None:
    """Write what says that a part is complete. took: see timing."""
    part = plan.folder / PARTS / key
    cameras = {name: dataclasses.asdict(counts) for name, counts in replay.counts().items()}
    write_json(part.with_suffix(".timing.json"), took)
    write_json(part.with_suffix(".json"), {"name": job.name, "sha256": sha256, "error": error, "cameras": cameras})


def played(
    recording: Recording,
    plan: Plan,
    writer: Part,
    report: Callable[[Progress], None],
    stopped: Callable[[], bool],
) -> tuple[Replay, str]:
    """Play the recording and write what comes of it. Returns how it went, and what is wrong with the recording."""
    streams = stream_settings(plan.values)
    replay = Replay(writer.recognizer, recording.cameras, streams, writer.scores, inference_time=plan.busy)
    try:
        _play(replay, recording, writer, report, stopped)
    except (BagError, ConfigurationError) as error:
        return replay, str(error)
    return replay, ""


def _play(
    replay: Replay,
    recording: Recording,
    writer: Part,
    report: Callable[[Progress], None],
    stopped: Callable[[], bool],
) -> None:
    """Play the recording and write what comes of it. Raises BagError, ConfigurationError and StoppedError."""
    steps: Iterable[Seen | Recorded] = replay.play(recording.images())
    if isinstance(recording, VideoRecording):  # of so short a bag a node would say nothing
        steps = chain(steps, replay.fill_up(recording.images, str(recording.path)))
    reported = 0.0
    for step in steps:
        writer.take(step, replay.cameras[step.camera])
        if (now := time.monotonic()) >= reported + PERIOD:
            reported = now
            report(writer.progress)
        if stopped():
            raise StoppedError


def timing(inference_times: Sequence[float], wall: float) -> dict[str, Any]:
    """Return what the runs of the network took, in seconds, without those of an earlier run."""
    times = np.array(inference_times)
    percentiles = np.percentile(times, (50, 95)).tolist() if len(times) else [float("nan")] * 2
    return {"runs": len(times), "median": percentiles[0], "p95": percentiles[1], "all": times.sum(), "wall": wall}
