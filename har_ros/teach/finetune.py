"""Train a network end to end on classes of your own, from where `actionnet teach` ends; needs PyTorch, best a GPU."""

from __future__ import annotations

import argparse
import json
import signal
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from rich.console import Console

from har_ros.backends import BackendSettings, load_backend
from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.evaluate import results
from har_ros.evaluate.bag import open_recording
from har_ros.evaluate.batch import PLAIN
from har_ros.models.locate import find_model
from har_ros.models.prepare import PreparedNetwork
from har_ros.models.signature import load_onnx
from har_ros.options import add_backend_options, at_least, backend_settings, between
from har_ros.teach import head as heads
from har_ros.teach import validate as validation
from har_ros.teach.dataset import Dataset, labels_of
from har_ros.teach.embed import Embedder, hop_of
from har_ros.teach.graph import LOGITS, taught_network
from har_ros.teach.head import Floats, Fold, Head, Ints
from har_ros.teach.lesson import Lesson, Settings, learn_from, write
from har_ros.teach.model import check_output
from har_ros.teach.options import add_dataset_options, add_teaching_options, dataset_of, interrupt
from har_ros.teach.samples import only
from har_ros.teach.summary import show
from har_ros.teach.torch_graph import OnnxModule
from har_ros.teach.training import Finetuning, Network, TrainSettings, is_first, rank, train
from har_ros.teach.training_clips import ClipSource
from har_ros.teach.windows import windows

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
    A training that was interrupted goes on behind its last epoch.
    """
    check_output(folder, overwrite)
    if not dataset.path.is_dir():
        raise ConfigurationError(f"finetune takes a folder of clips; cut {dataset.path} first: actionnet clips")
    unknown = set(training.unmirrored) - set(labels_of(dataset.materials))
    if unknown:
        raise ConfigurationError(f"there is no class {min(unknown)!r}; mend --unmirrored")
    with Embedder(find_model(settings.model), backend, settings.frames, settings.mirror) as embedder:
        lesson = learn_from(embedder, dataset, settings, console)
    workshop = _workshop(folder, dataset, settings, training)
    most = heads.FOLDS if cross_validate else heads.INNER_FOLDS  # a fifth is held out of one training
    divided = heads.folds(lesson.samples.classes, lesson.samples.groups, most)
    tested = divided if cross_validate else divided[:1]
    trained, logits = _train_folds(lesson, tested, workshop, training, backend, console)
    if cross_validate:
        everything = np.arange(len(lesson.samples.examples))
        console.print(f"training with all {len(everything)} clips", **PLAIN)
        trained = _train(lesson, everything, None, workshop / "all", training)
    if not is_first():  # of the processes that trained together, one writes
        return None
    shown = np.sort(np.concatenate([test for _, test in tested]))
    temperature = heads.temperature_of(lesson.samples, logits, shown)
    part, held_out = only(lesson.samples, shown), logits[np.isin(lesson.samples.example, shown)]
    probabilities = heads.by_example(part, held_out / temperature)
    count = len(divided)
    measured = {
        "validation": f"{count}-fold cross-validation" if cross_validate else f"1 of {count} folds held out",
        "figures": validation.figures(part, probabilities),
        "calibration": validation.calibration(part, probabilities),
        "uncalibrated_error": validation.calibration(part, heads.by_example(part, held_out))["error"],
        "losses": trained.losses,
        "chosen": {**asdict(training), "temperature": round(temperature, 4)},
    }
    network = taught_network(trained.backbone, *trained.head.cooled(temperature).rounded())
    metrics = write(folder, lesson, network, measured, part, probabilities)
    console.print(f"training: tensorboard --logdir {workshop}", **PLAIN)
    return metrics


@dataclass(frozen=True)
class Trained:
    """The trained network of an embedding as ONNX, its head before any temperature, and the loss of each step."""

    backbone: onnx.ModelProto
    head: Head
    losses: list[float]


def _workshop(folder: Path, dataset: Dataset, settings: Settings, training: TrainSettings) -> Path:
    """Return where checkpoints and logs go. Raises ConfigurationError when another training's are there."""
    workshop = folder.with_name(f"{folder.name}.training")
    clips = [[material.name, material.group] for material in dataset.materials]
    wanted = json.loads(json.dumps({"clips": clips, "settings": asdict(settings), "training": asdict(training)}))
    note = workshop / "settings.json"
    if note.is_file() and results.read_json(note) != wanted:
        raise ConfigurationError(f"{workshop} has the training of other settings or clips; remove it, or change -o")
    try:
        workshop.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarError(f"cannot write {workshop} ({error.strerror}); give another folder (-o)") from None
    if is_first():
        results.write_json(note, wanted)
    return workshop


def _train_folds(
    lesson: Lesson,
    divided: list[Fold],
    workshop: Path,
    training: TrainSettings,
    settings: BackendSettings,
    console: Console,
) -> tuple[Trained, Floats]:
    """Train without each fold. Returns the last network, and the logits of all windows that were held out."""
    samples = lesson.samples
    logits = np.full((len(samples.example), len(samples.labels)), np.nan)
    for number, (taught, test) in enumerate(divided, 1):
        console.print(f"training without fold {number}, with {len(taught)} clips", **PLAIN)
        place = workshop / f"fold{number}"
        trained = _train(lesson, taught, test, place, training)
        logits[np.isin(samples.example, test)] = _logits(trained, lesson, test, place, settings)
    return trained, logits


def _train(lesson: Lesson, taught: Ints, test: Ints | None, folder: Path, training: TrainSettings) -> Trained:
    """Train with some of the examples, from a head that was fitted to these."""
    samples, prepared = lesson.samples, lesson.prepared
    assert prepared.spec is not None  # it takes frames
    torch.manual_seed(0)
    start = heads.head_of(heads.fit(samples, taught, heads.choose_strength(samples, taught)))
    model = load_onnx(prepared.path)
    backbone = OnnxModule(model)
    backbone.freeze(training.frozen)
    counts = np.bincount(samples.classes[taught], minlength=len(samples.labels))
    weights = torch.tensor(len(taught) / len(counts) / counts, dtype=torch.float32)
    module = Finetuning(Network(backbone, prepared.spec, start), training, weights)
    unmirrored = frozenset(samples.labels.index(name) for name in training.unmirrored)

    def clips(numbers: Ints) -> ClipSource:
        chosen = [samples.examples[number] for number in numbers]
        paths, classes = [example.path for example in chosen], [example.label for example in chosen]
        return ClipSource(paths, classes, lesson.base, prepared.shape[0], unmirrored, lesson.settings.mirror)

    train(module, clips(taught), None if test is None else clips(test), folder, training)
    module.eval().cpu()
    backbone.write_to(model)
    linear = module.network.head
    head = Head(linear.weight.detach().double().numpy().T, linear.bias.detach().double().numpy())
    trained = Trained(model, head, module.losses)
    _compare(module.network, trained, prepared, folder)
    return trained


def _runnable(trained: Trained, prepared: PreparedNetwork, folder: Path) -> PreparedNetwork:
    """Write the network into the folder, and return it as backends take it."""
    path = folder / f"network{rank()}.onnx"
    path.write_bytes(taught_network(trained.backbone, *trained.head.rounded()))
    return replace(prepared, name=f"{prepared.name}-trained", path=path, output_blob=LOGITS, output="logits")


def _compare(network: Network, trained: Trained, prepared: PreparedNetwork, folder: Path) -> None:
    """Raise ModelError when the exported network does not say what PyTorch's does."""
    frames = np.random.default_rng(0).integers(0, 256, prepared.shape, np.uint8)
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(frames[None])), dim=1).numpy()
    backend = load_backend(_runnable(trained, prepared, folder), BackendSettings("openvino", "f32"))
    difference = float(np.abs(backend.infer([frames]) - expected).max())
    backend.close()
    if difference > AGREEMENT:
        raise ModelError(
            f"the exported network's probabilities differ from PyTorch's by {difference:.2g}, more than {AGREEMENT:g}; "
            "report it, and use actionnet teach meanwhile"
        )


def _logits(trained: Trained, lesson: Lesson, test: Ints, folder: Path, settings: BackendSettings) -> Floats:
    """Return the logits (up to a summand) of these examples' windows, as the network runs them on the robot."""
    network, samples = _runnable(trained, lesson.prepared, folder), lesson.samples
    backend = load_backend(network, settings)
    length = network.shape[0]
    rows: list[NDArray[np.float32]] = []
    for number in test:
        recording = open_recording(samples.examples[number].path)
        _, cameras = windows(
            recording, lesson.base, length, hop_of(length), lambda clip: backend.infer([clip.frames])[0]
        )
        rows += [window.seen for window in cameras[samples.examples[number].camera]]
    backend.close()
    return np.asarray(np.log(np.maximum(np.array(rows, np.float64), 1e-12)))


def run_finetune(arguments: list[str]) -> int:
    """`actionnet finetune`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet finetune", description=__doc__)
    add_dataset_options(parser)
    add_teaching_options(parser)
    _add_training_options(parser)
    add_backend_options(parser)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, interrupt)
    names = {field.name for field in fields(TrainSettings)} - {"unmirrored", "training_precision"}
    training = TrainSettings(
        unmirrored=tuple(options.unmirrored),
        training_precision=options.mixed_precision,
        **{name: getattr(options, name) for name in names},
    )
    console = Console(stderr=True)
    folder = options.output.expanduser().absolute()
    try:
        metrics = finetune(
            dataset_of(options),
            folder,
            Settings(options.model, options.frames, options.mirror, options.background),
            training,
            backend_settings(options),
            console,
            overwrite=options.overwrite,
            cross_validate=options.cross_validate,
        )
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on behind the last epoch")
        raise
    if metrics is not None:
        show(metrics, folder)
    return 0


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    usual = TrainSettings()
    parser.add_argument("--epochs", type=at_least(1), default=usual.epochs, help=f"({usual.epochs})")
    parser.add_argument("--batch-size", type=at_least(1), default=usual.batch_size, help=f"clips ({usual.batch_size})")
    parser.add_argument("--accumulate", type=at_least(1), default=usual.accumulate, help="batches for each step (1)")
    parser.add_argument("--rate", type=between(0, 1), default=usual.rate, help=f"largest learning rate ({usual.rate})")
    parser.add_argument("--weight-decay", type=between(0, 1), default=usual.weight_decay, help="of AdamW (1e-4)")
    parser.add_argument(
        "--frozen", type=between(0, 1), default=usual.frozen, help="share of the layers that stay as they are (0.5)"
    )
    parser.add_argument("--label-smoothing", type=between(0, 0.9), default=usual.label_smoothing, help="(0.1)")
    parser.add_argument("--workers", type=at_least(0), default=usual.workers, help="processes that read clips (2)")
    parser.add_argument(
        "--unmirrored", action="append", default=[], metavar="CLASS", help="left and right matter in this class"
    )
    parser.add_argument("--cross-validate", action="store_true", help="train for each fold, and once with all clips")
    parser.add_argument("--accelerator", default="auto", help="Lightning's: auto, cpu, gpu (auto)")
    parser.add_argument("--strategy", default="auto", help="Lightning's, such as ddp (auto)")
    parser.add_argument("--devices", default="auto", help="number of GPUs on each machine (auto)")
    parser.add_argument("--nodes", type=at_least(1), default=1, help="machines (1)")
    parser.add_argument("--mixed-precision", default="auto", help="Lightning's precision: 16-mixed on a GPU (auto)")
