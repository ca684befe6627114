"""Training end to end, from where `teach` ends: folds, the export, its comparison with PyTorch, the folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from rich.console import Console
from threadpoolctl import threadpool_limits

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.files.console import say
from har_ros.files.results_folder import read_json, write_json
from har_ros.finetune.image_task import ImageTask, image_lesson
from har_ros.finetune.skeleton_task import SkeletonTask, skeleton_lesson
from har_ros.finetune.task import Task
from har_ros.finetune.training import Finetuning, TrainableNetwork, TrainSettings, is_first, rank, train
from har_ros.graphs.cut import LOGITS, taught_network
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.graphs.rejection import raised
from har_ros.learning import head as heads
from har_ros.learning import validate as validation
from har_ros.learning.dataset import Dataset, labels_of
from har_ros.learning.embedders import Settings
from har_ros.learning.head import Fold, Head
from har_ros.learning.lesson import Lesson, write
from har_ros.learning.likeness import limit_of, limits_by_others, rejection_of
from har_ros.learning.model import CLIPS, check_output
from har_ros.learning.samples import Samples, only
from har_ros.models.locate import find_model
from har_ros.stats.metrics import Floats, Ints

AGREEMENT = 1e-3
"""By which probabilities of the exported network and of PyTorch's may differ."""


def finetune(
    dataset: Dataset,
    folder: Path,
    settings: Settings,
    training: TrainSettings,
    backend: BackendSettings,
    console: Console,
    *,
    overwrite: bool,
    cross_validate: bool,
) -> dict[str, Any] | None:
    """Write the trained network and its report. Returns what is in metrics.json. Raises HarError.

    None in the other processes where several train together.

    cross_validate: train once for each fold, and once with all clips; else one fold is held out of one training.
    An interrupted training resumes after its last epoch.
    """
    if is_first():  # of the processes that train together, one writes
        check_output(folder, overwrite)
    task = _task(dataset, settings, training, backend, console)
    lesson = task.lesson
    most = heads.FOLDS if cross_validate else heads.INNER_FOLDS  # a fifth is held out of one training
    workshop = _workshop(folder, dataset, settings=asdict(settings), training=asdict(training), folds=most)
    divided = heads.folds(lesson.samples.classes, lesson.samples.groups, most)
    tested = divided if cross_validate else divided[:1]
    with threadpool_limits(task.threads):
        trained, held_out = _train_folds(task, tested, workshop, training, backend, console)
        if cross_validate:
            everything = np.arange(len(lesson.samples.examples))
            say(console, f"training with all {len(everything)} clips")
            trained = _train(task, everything, None, workshop / "all", training, backend)
    if not is_first():
        return None
    how = f"{len(divided)}-fold cross-validation" if cross_validate else f"1 of {len(divided)} folds held out"
    chosen = {"validation": how, "chosen": asdict(training), "backend": trained.backend}
    metrics = _finish(folder, overwrite, replace(lesson, samples=trained.samples), trained, held_out, chosen)
    say(console, f"training: tensorboard --logdir {workshop}")
    return metrics


def _task(
    dataset: Dataset, settings: Settings, training: TrainSettings, backend: BackendSettings, console: Console
) -> Task:
    """Look at the data set as the network takes it. Raises HarError."""
    unknown = set(training.unmirrored) - set(labels_of(dataset.materials))
    if unknown:
        raise ConfigurationError(f"there is no class {min(unknown)!r}; fix --unmirrored")
    kind = "sequence" if training.architecture else find_model(settings.model).card.kind
    if kind == "sequence":
        lesson = skeleton_lesson(training.architecture, dataset, settings, backend, console)
        return SkeletonTask(lesson, training.architecture, _numbers(lesson, training.unmirrored))
    if kind != "clip":
        raise ConfigurationError(
            f"finetune trains networks of kind clip or sequence, and {settings.model} is of {kind}; see teach"
        )
    lesson = image_lesson(dataset, settings, backend, console)
    return ImageTask(lesson, _numbers(lesson, training.unmirrored))


def _numbers(lesson: Lesson, labels: Iterable[str]) -> frozenset[int]:
    return frozenset(lesson.samples.labels.index(label) for label in labels)


def _finish(
    folder: Path, overwrite: bool, lesson: Lesson, trained: Trained, held_out: HeldOut, chosen: dict[str, Any]
) -> dict[str, Any]:
    """Put temperature and rejection into the network and write its folder."""
    samples, shown = lesson.samples, held_out.examples
    temperature = heads.temperature_of(samples, held_out.logits, shown)
    limits = limits_by_others(samples, held_out.distance)
    cooled = held_out.logits / temperature
    said = raised(cooled, held_out.distance, *limits)
    part, windows = only(samples, shown), np.isin(samples.example, shown)
    probabilities, calibrated, raw = (heads.by_example(part, one[windows]) for one in (said, cooled, held_out.logits))
    measured = {
        **chosen,
        **validation.measures(part, probabilities, calibrated, raw),
        "losses": trained.losses,
        "temperature": temperature,
    }
    rejection = rejection_of(samples, trained.taught, *limit_of(samples, held_out.distance))
    network = taught_network(trained.backbone, *trained.head.cooled(temperature).rounded(), rejection)
    return write(folder, overwrite, lesson, network, measured, [(CLIPS, part, probabilities)])


@dataclass(frozen=True)
class Trained:
    """The trained network of an embedding as ONNX, its head before any temperature, and the loss of each step.

    taught: the examples that it was trained with. samples: all, with its embeddings as they are on the robot, and none
    as the last label, which the head has, too. backend: what computed them, in words.
    """

    backbone: onnx.ModelProto
    head: Head
    losses: list[float]
    taught: Ints
    samples: Samples
    backend: str


@dataclass(frozen=True)
class HeldOut:
    """What networks say of examples that they were not trained with.

    logits, distance: of all n windows, before calibration, and from what was taught; NaN of those of other examples.
    """

    examples: Ints
    logits: Floats
    distance: Floats


def _workshop(folder: Path, dataset: Dataset, **given: Any) -> Path:
    """Return where checkpoints and logs go. Raises ConfigurationError when another training's are there.

    given: what makes it another training, besides the clips and their groups.
    """
    workshop = folder.with_name(f"{folder.name}.training")
    clips = [[material.name, material.group] for material in dataset.materials]
    wanted = json.loads(json.dumps({"clips": clips, **given}))
    note = workshop / "settings.json"
    if note.is_file() and read_json(note) != wanted:
        raise ConfigurationError(f"{workshop} has the training of other settings or clips; remove it, or change -o")
    try:
        workshop.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarError(f"cannot write {workshop} ({error.strerror}); give another folder (-o)") from None
    if is_first():
        write_json(note, wanted)
    return workshop


def _train_folds(
    task: Task,
    divided: list[Fold],
    workshop: Path,
    training: TrainSettings,
    settings: BackendSettings,
    console: Console,
) -> tuple[Trained, HeldOut]:
    """Train without each fold. Returns the last network, and what each says of the fold that it does not know."""
    samples = task.lesson.samples.with_none()
    logits = np.full((len(samples.example), len(samples.labels)), np.nan)
    distance = np.full(len(samples.example), np.nan)
    for number, (taught, test) in enumerate(divided, 1):
        say(console, f"training without fold {number}, with {len(taught)} clips")
        trained = _train(task, taught, test, workshop / f"fold{number}", training, settings)
        windows = np.isin(samples.example, test)
        seen = trained.samples.embeddings[windows, 0]
        logits[windows] = trained.head.logits(seen)
        distance[windows] = rejection_of(trained.samples, taught).distance(seen)
    return trained, HeldOut(np.sort(np.concatenate([test for _, test in divided])), logits, distance)


def _train(
    task: Task, taught: Ints, test: Ints | None, folder: Path, training: TrainSettings, settings: BackendSettings
) -> Trained:
    """Train with some of the examples, and look at all of them with what came of it."""
    samples = task.lesson.samples
    torch.manual_seed(0)
    counts = np.bincount(samples.classes[taught], minlength=len(samples.labels))
    weights = torch.tensor(len(taught) / len(counts) / counts, dtype=torch.float32)
    module = Finetuning(task.start(taught, training.frozen), training, weights)
    train(module, task.drawn(taught), None if test is None else task.fixed(test), folder, training)
    module.eval().cpu()
    linear = module.network.head
    head = Head(linear.weight.detach().double().numpy().T, linear.bias.detach().double().numpy())
    backbone = module.network.backbone.to_onnx()
    _compare(module.network, taught_network(backbone, *head.rounded()), task, folder)
    samples, backend = _embedded(backbone, task, folder, settings, training.workers)
    return Trained(backbone, head.widened(len(samples.labels)), module.losses, taught, samples, backend)


def _compare(network: TrainableNetwork, exported: bytes, task: Task, folder: Path) -> None:
    """Raise ModelError when the exported network does not say what PyTorch's does."""
    inputs = task.noise()
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(inputs[None])), dim=1).numpy()
    path = folder / f"network{rank()}.onnx"
    path.write_bytes(exported)
    prepared = replace(_named(task.lesson.prepared, path), output_blob=LOGITS, output="logits")
    backend = load_backend(prepared, BackendSettings("openvino", "f32"))
    difference = float(np.abs(backend.infer([task.as_backends_take(inputs)]) - expected).max())
    backend.close()
    if difference > AGREEMENT:
        raise ModelError(
            f"the exported network's probabilities differ from PyTorch's by {difference:.2g}, more than {AGREEMENT:g}; "
            "report it, and use actionnet teach meanwhile"
        )


def _embedded(
    backbone: onnx.ModelProto, task: Task, folder: Path, settings: BackendSettings, readers: int
) -> tuple[Samples, str]:
    """Return the samples with the embeddings that the network makes of their windows, and what computed them.

    readers: how many examples are read at a time.
    """
    path = folder / f"embedding{rank()}.onnx"
    path.write_bytes(backbone.SerializeToString())
    backend, in_use = load_backend(_named(task.lesson.prepared, path), settings), Lock()

    def embed(frames: NDArray[Any]) -> NDArray[np.float32]:
        with in_use:
            return np.asarray(backend.infer([frames])[0])

    samples = task.lesson.samples
    with ThreadPoolExecutor(max(1, readers), "embed") as pool:
        found = pool.map(lambda number: task.embedded(number, embed), range(len(samples.examples)))
        rows = [row for rows in found for row in rows]
    backend.close()
    return replace(samples.with_none(), embeddings=np.array(rows, np.float32)[:, None]), backend.name


def _named(prepared: PreparedNetwork, path: Path) -> PreparedNetwork:
    """Return the network as it is in this file."""
    return replace(prepared, name=f"{prepared.name}-trained", path=path)
