"""The network of everyday-14: several small ones in one graph, which works out its own features of a window."""

from __future__ import annotations

import io

import onnx
import torch
from torch import Tensor, nn

from everyday_clips import JOINTS, LENGTH

LEAST = 0.2
"""Confidence of a joint that is looked at, at least: the card's least_confidence."""
BONES = {
    **{(1, 3): 0.2, (3, 5): 0.18, (2, 4): 0.2, (4, 6): 0.18},  # arms
    **{(7, 9): 0.25, (9, 11): 0.25, (8, 10): 0.25, (10, 12): 0.25},  # legs
    **{(1, 2): 0.2, (7, 8): 0.12, (1, 7): 0.3, (2, 8): 0.3, (0, 1): 0.18, (0, 2): 0.18},  # trunk and neck
}
"""Joints with a bone between them, and its usual length as it is seen: those that are known give a person's size."""
PAIRS = tuple((first, second) for first in range(len(JOINTS)) for second in range(first + 1, len(JOINTS)))
STREAMS = (2 * len(JOINTS) + len(PAIRS) + len(JOINTS), 4 * len(JOINTS), len(PAIRS))
"""Features of posture, of the joints' motion and of the distances' change."""
FEWEST = 4.0
"""Joints that are known, at least; with fewer it is nothing."""
CHANNELS, STEM = 64, 32
CLASSES = 15


class Features(nn.Module):
    """N×32×13×3, positions in any unit and confidence → three streams, N×C×32, as multiplications of matrices.

    Joints that are not known in the whole window are zero in all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        joints, pairs = len(JOINTS), len(PAIRS)
        differences, both, size = torch.zeros(2 * joints, 2 * pairs), torch.zeros(joints, pairs), torch.zeros(pairs, 2)
        for number, (first, second) in enumerate(PAIRS):
            for axis in (0, 1):
                differences[2 * first + axis, axis * pairs + number] = 1
                differences[2 * second + axis, axis * pairs + number] = -1
            both[[first, second], number] = 1
            if (first, second) in BONES:
                size[number] = torch.tensor([1.0, BONES[first, second]])
        self.register_buffer("differences", differences)
        self.register_buffer("both", both)
        self.register_buffer("size", size)
        self.register_buffer("twice", torch.eye(joints).repeat_interleave(2, dim=1))
        self.register_buffer("sums", torch.eye(2).repeat(joints, 1))
        for name, lag in (("fast", 1), ("slow", 3), ("change", 2)):
            self.register_buffer(name, _lagged(lag))

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the streams."""
        known = (window[..., 2].amax(dim=1, keepdim=True) >= LEAST).float()  # N×1×13
        pair, mask = torch.relu(known @ self.both - 1), known @ self.twice
        position = window[..., :2].reshape(-1, LENGTH, 2 * len(JOINTS)) * mask
        square = (position @ self.differences).square()
        distance = (square[..., : len(PAIRS)] + square[..., len(PAIRS) :] + 1e-8).sqrt() * pair
        length = distance.mean(dim=1, keepdim=True) @ self.size[:, :1] + 1e-3
        unit = length / (pair @ self.size[:, 1:] + 1e-3)  # N×1×1
        position, distance = position / unit, distance / unit
        middle = position @ self.sums / known.sum(dim=2, keepdim=True).clamp(min=1)  # N×32×2
        posture = (position - middle @ self.sums.T) * mask
        place = (position - middle.mean(dim=1, keepdim=True) @ self.sums.T) * mask
        everywhere = torch.zeros_like(distance[..., : len(JOINTS)]) + known
        postures = torch.cat([2 * posture, 2 * distance - pair, everywhere], dim=2)
        motion = torch.cat([5 * (self.fast @ place), 2 * (self.slow @ place)], dim=2)
        change = 4 * (self.change @ distance)
        return postures.transpose(1, 2), motion.transpose(1, 2), change.transpose(1, 2)


def _lagged(lag: int) -> Tensor:
    """Return what makes of columns of points in time the difference of those before and after each."""
    matrix = torch.zeros(LENGTH, LENGTH)
    for time in range(lag, LENGTH - lag):
        matrix[time, time + lag], matrix[time, time - lag] = 1, -1
    return matrix


def _layer(taken: int, given: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv1d(taken, given, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(given), nn.ReLU())


class Member(nn.Module):
    """One of the small networks: streams → the embedding → logits; the last label is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stems = nn.ModuleList(_layer(size, STEM, 1) for size in STREAMS)
        self.layers = nn.ModuleList(
            [
                _layer(3 * STEM, CHANNELS, 5, 2),
                _layer(CHANNELS, CHANNELS, 3, 2),
                _layer(CHANNELS, CHANNELS, 3),
                _layer(CHANNELS, 2 * CHANNELS, 3),
                _layer(2 * CHANNELS, 2 * CHANNELS, 3),
            ]
        )
        self.lose_features, self.lose_channels, self.lose = nn.Dropout1d(0.1), nn.Dropout1d(0.1), nn.Dropout(0.5)
        self.last = nn.Linear(4 * CHANNELS, CLASSES)

    def stem(self, streams: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return N×96×32, which may be mixed with those of other windows."""
        return torch.cat([stem(self.lose_features(x)) for stem, x in zip(self.stems, streams, strict=True)], dim=1)

    def tail(self, x: Tensor) -> Tensor:
        """Return the logits of what `stem` gave."""
        first, second, third, fourth, fifth = self.layers
        x = self.lose_channels(second(first(x)))
        x = self.lose_channels(fourth(x + third(x)))
        x = x + fifth(x)
        logits: Tensor = self.last(self.lose(torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)))
        return logits


class Everyday(nn.Module):
    """Members side by side, each a group of every convolution, the mean of their logits, and the limit.

    floor: what the logit of nothing is at least, so that a window which no action claims with more is nothing.
    """

    def __init__(self, members: list[Member], floor: float) -> None:
        super().__init__()
        self.features, self.members = Features(), len(members)
        self.stems = nn.ModuleList(_beside([member.stems[i] for member in members], groups=1) for i in range(3))
        self.layers = nn.ModuleList(_beside([member.layers[i] for member in members]) for i in range(5))
        self.last = nn.Linear(len(members) * 4 * CHANNELS, CLASSES)
        halves = [member.last.weight.detach().split(2 * CHANNELS, dim=1) for member in members]
        weight = torch.cat([half[side] for side in (0, 1) for half in halves], dim=1)
        bias = torch.stack([member.last.bias.detach() for member in members]).mean(dim=0)
        _set(self.last, weight / len(members), bias)
        self.register_buffer("floor", torch.tensor(floor))
        self.register_buffer("nothing", torch.tensor([0.0] * (CLASSES - 1) + [1.0]))

    def forward(self, window: Tensor) -> Tensor:
        """N×32×13×3 → N×15 logits."""
        x = torch.cat([torch.relu(stem(x)) for stem, x in zip(self.stems, self.features(window), strict=True)], dim=1)
        x = x.reshape(-1, len(STREAMS), self.members, STEM, LENGTH).transpose(1, 2)  # each member's together
        x = x.reshape(-1, len(STREAMS) * self.members * STEM, LENGTH)
        first, second, third, fourth, fifth = self.layers
        x = torch.relu(second(torch.relu(first(x))))
        x = torch.relu(fourth(x + torch.relu(third(x))))
        x = x + torch.relu(fifth(x))
        logits = self.last(torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1))
        unknown = torch.relu(FEWEST - (window[..., 2].amax(dim=1) >= LEAST).float().sum(dim=1, keepdim=True))
        return logits + torch.relu(self.floor + 100 * unknown - logits) * self.nothing


def _folded(layer: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight and bias with the normalisation after it in them."""
    convolution, norm = layer[0], layer[1]
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = convolution.weight * factor[:, None, None]
    return weight.detach(), (norm.bias - norm.running_mean * factor).detach()


def _beside(layers: list[nn.Sequential], groups: int = 0) -> nn.Conv1d:
    """Return the members' convolutions as one: a group for each, or all of the same input."""
    one, groups = layers[0][0], groups or len(layers)
    given, taken = len(layers) * one.out_channels, groups * one.in_channels
    joined = nn.Conv1d(taken, given, one.kernel_size, one.stride, one.padding, groups=groups)
    folded = [_folded(layer) for layer in layers]
    _set(joined, torch.cat([weight for weight, _ in folded]), torch.cat([bias for _, bias in folded]))
    return joined


def _set(layer: nn.Conv1d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)


def exported(network: Everyday) -> onnx.ModelProto:
    """Return it in ONNX: `skeletons` in, `logits` out, and `embedding` before the last layer."""
    file = io.BytesIO()
    torch.onnx.export(
        network.eval(),
        (torch.rand(2, LENGTH, len(JOINTS), 3),),
        file,
        dynamo=False,
        opset_version=13,
        input_names=["skeletons"],
        output_names=["logits"],
        dynamic_axes={"skeletons": {0: "batch"}, "logits": {0: "batch"}},
    )
    model = onnx.load_from_string(file.getvalue())
    last = next(node for node in model.graph.node if node.op_type == "Gemm")
    name = last.input[0]
    for node in model.graph.node:
        node.output[:] = ["embedding" if output == name else output for output in node.output]
        node.input[:] = ["embedding" if taken == name else taken for taken in node.input]
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model
