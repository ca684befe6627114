"""ST-GCN, a network of convolutions over the graph of the joints."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from har_ros.finetune.architecture import BODY, LEAST, LENGTH, Architecture
from har_ros.frames.spec import SkeletonSpec

BONES = tuple(
    (BODY.index(inner), BODY.index(outer))
    for inner, outer in (
        ("neck", "head"),
        *(("neck", f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")),
        *((f"{side}_shoulder", f"{side}_elbow") for side in ("left", "right")),
        *((f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")),
        *((f"{side}_hip", f"{side}_knee") for side in ("left", "right")),
        *((f"{side}_knee", f"{side}_ankle") for side in ("left", "right")),
    )
)
"""Joints with a bone between them, the one that is nearer to the neck first."""


class GraphNetwork(Architecture):
    """ST-GCN: convolutions over the graph of joints and over time, by turns; x, y and confidence of each joint.

    Yan et al., Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition (AAAI 2018), with
    spatial configuration partitioning around the neck and learnable importance of edges; six units of at most 128
    channels in place of nine of at most 256: 0.5 M parameters.
    """

    spec = SkeletonSpec("NCTV", BODY, confidence=True, normalisation="box", least_confidence=LEAST)
    width = 128
    units = ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1))
    """Channels and stride in time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3 * len(BODY))
        taken = (3, *(channels for channels, _ in self.units))
        self.layers = nn.Sequential(
            *(_GraphUnit(before, *unit) for before, unit in zip(taken, self.units, strict=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """N×3×32×14 → N×128."""
        flat = self.norm(x.permute(0, 1, 3, 2).reshape(-1, 3 * len(BODY), LENGTH))
        x = flat.reshape(-1, 3, len(BODY), LENGTH).permute(0, 1, 3, 2)
        features: Tensor = self.layers(x).mean(dim=(2, 3))
        return features


class _GraphUnit(nn.Module):
    """A convolution over the graph and one over 9 points in time, with a residual connection except from the input."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.register_buffer("graph", partitions(len(BODY), BONES))
        self.importance = nn.Parameter(torch.ones(3, len(BODY), len(BODY)))
        self.spatial = nn.ModuleList(nn.Conv2d(taken, given, 1) for _ in range(3))
        self.temporal = nn.Sequential(
            nn.BatchNorm2d(given),
            nn.ReLU(),
            nn.Conv2d(given, given, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(given),
            nn.Dropout(0.3),
        )
        self.residual: nn.Module | None = None
        if taken > 3:
            same = taken == given and stride == 1
            shortcut = nn.Sequential(nn.Conv2d(taken, given, 1, (stride, 1)), nn.BatchNorm2d(given))
            self.residual = nn.Identity() if same else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """N×C×T×V → N×C'×T'×V."""
        graph = self.graph * self.importance
        mixed = torch.stack([layer(x) @ graph[part] for part, layer in enumerate(self.spatial)]).sum(dim=0)
        given = self.temporal(mixed)
        return torch.relu(given if self.residual is None else given + self.residual(x))


def partitions(joints: int, bones: Sequence[tuple[int, int]]) -> Tensor:
    """Return 3×V×V: of each joint's neighbours itself, those nearer to the middle, and those farther from it.

    Column by column normalised by the number of neighbours. bones: the joint that is nearer to the middle first.
    """
    parts = torch.zeros(3, joints, joints)
    parts[0] = torch.eye(joints)
    for inner, outer in bones:
        parts[1, inner, outer] = 1
        parts[2, outer, inner] = 1
    return parts / parts.sum(dim=(0, 1))
