"""Training with PyTorch Lightning: clips in random crops and moments, one-cycle schedule, checkpoints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import lightning
import onnx
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from har_ros.finetune.sampler import EpochSampler
from har_ros.learning.head import Head


@dataclass(frozen=True)
class TrainSettings:
    """frozen: share of the layers, from the input on, that stay as they are. rate: the largest learning rate.

    accumulate: batches whose gradients are added before a step.
    workers: processes that read videos, and threads that do so when the trained network looks at all.
    unmirrored: classes in which left and right matter.
    architecture: which of finetune.architectures is trained from the beginning, in place of a network that there is.
    accelerator, strategy, devices, nodes, training_precision: Lightning's.
    """

    epochs: int = 20
    batch_size: int = 8
    accumulate: int = 1
    rate: float = 1e-4
    weight_decay: float = 1e-4
    frozen: float = 0.5
    label_smoothing: float = 0.1
    workers: int = 2
    unmirrored: tuple[str, ...] = ()
    architecture: str = ""
    accelerator: str = "auto"
    strategy: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    training_precision: str = "auto"


FOR_SKELETONS = TrainSettings(batch_size=16, frozen=0.0, workers=0)
"""Small networks, whose windows are in memory."""
FROM_THE_BEGINNING = replace(FOR_SKELETONS, epochs=100, batch_size=32, rate=3e-3)
"""Of an architecture."""


class Backbone(Protocol):
    """What gives embeddings, N×D, of what the network takes: a torch.nn.Module that can be written as ONNX."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the embeddings."""

    def to_onnx(self) -> onnx.ModelProto:
        """Return the network that gives graphs.cut.EMBEDDING."""


class TrainableNetwork(nn.Module):
    """From what is drawn of the clips to logits: as the network takes it, the backbone, and the last layer."""

    def __init__(self, backbone: Any, prepare: Callable[[Tensor], Tensor], head: Head) -> None:
        """backbone: a Backbone. prepare: makes its input of what is drawn, without anything to learn."""
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(*head.weights.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weights.T))
            self.head.bias.copy_(torch.from_numpy(head.bias))
        self._prepare = prepare

    def forward(self, drawn: Tensor) -> Tensor:
        """Return N×classes logits."""
        return torch.as_tensor(self.head(self.backbone(self._prepare(drawn))))


class Finetuning(lightning.LightningModule):
    """AdamW with a one-cycle schedule (Smith and Topin, Super-Convergence, 2019), classes weighing the same."""

    def __init__(self, network: TrainableNetwork, settings: TrainSettings, class_weights: Tensor) -> None:
        super().__init__()
        self.network = network
        self._settings = settings
        self.register_buffer("class_weights", class_weights)
        self.losses: list[float] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return the loss of one batch."""
        loss = self._loss(batch, "train")
        self.losses.append(float(loss.detach()))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Log loss and accuracy of held-out clips."""
        self._loss(batch, "held out")

    def _loss(self, batch: tuple[Tensor, Tensor], stage: str) -> Tensor:
        inputs, classes = batch
        logits = self.network(inputs)
        loss = functional.cross_entropy(
            logits,
            classes,
            self.class_weights,
            label_smoothing=self._settings.label_smoothing,
        )
        right = (logits.argmax(dim=1) == classes).float().mean()
        values = {f"{stage} loss": loss, f"{stage} accuracy": right}
        self.log_dict(values, prog_bar=True, on_epoch=True, batch_size=len(classes), sync_dist=True)
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the losses with the weights."""
        checkpoint["losses"] = self.losses

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the losses of an interrupted training."""
        self.losses = list(checkpoint["losses"])

    def configure_optimizers(self) -> Any:
        """Return AdamW with a one-cycle schedule.

        The last layer begins where `teach` ends, so it learns as slowly as the others.
        """
        taught = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(taught, lr=self._settings.rate, weight_decay=self._settings.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self._settings.rate, total_steps=max(2, steps))
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def train(
    module: Finetuning, taught: Dataset[Any], held_out: Dataset[Any] | None, folder: Path, settings: TrainSettings
) -> None:
    """Train, or resume from the folder's last checkpoint. TensorBoard's logs and the checkpoints are in the folder.

    Raises KeyboardInterrupt when that ended it.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\.")  # of what it does itself
    checkpoint = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks: list[Any] = [checkpoint, RichProgressBar()]
    on_gpu = settings.accelerator != "cpu" and torch.cuda.is_available()
    usual = "16-mixed" if on_gpu else "32-true"
    precision: Any = usual if settings.training_precision == "auto" else settings.training_precision
    trainer = lightning.Trainer(
        max_epochs=settings.epochs,
        accumulate_grad_batches=settings.accumulate,
        accelerator=settings.accelerator,
        strategy=settings.strategy,
        devices=int(settings.devices) if settings.devices.isdigit() else settings.devices,
        num_nodes=settings.nodes,
        precision=precision,
        logger=TensorBoardLogger(folder, name="logs", version=""),
        callbacks=callbacks,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        use_distributed_sampler=False,
        enable_model_summary=False,
    )
    sampler, workers = EpochSampler(len(taught)), settings.workers
    batches = DataLoader(taught, settings.batch_size, sampler=sampler, drop_last=False, num_workers=workers)
    checks = DataLoader(held_out, settings.batch_size, num_workers=workers) if held_out else None
    last = folder / "last.ckpt"
    threads = cv2.getNumThreads()
    if workers:
        cv2.setNumThreads(1)  # ends OpenCV's threads: a worker, which is forked, would wait for them for ever
    try:
        trainer.fit(module, batches, checks, ckpt_path=last if last.is_file() else None, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None
    finally:
        cv2.setNumThreads(threads)


def rank() -> int:
    """Return the number of this process among those that train together."""
    return int(getattr(rank_zero_only, "rank", 0) or 0)


def is_first() -> bool:
    """Return whether this process is the one that writes."""
    return rank() == 0
