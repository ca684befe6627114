"""Windows for the training of everyday-14: of its actions, of people who keep still, and of those who fall or lie."""

from __future__ import annotations

import torch
from torch import Tensor

from everyday_clips import ANKLES, HIPS, JOINTS, KNEES, LENGTH, LONGEST, SHOULDERS, SPAN, Clips
from har_ros.finetune.augment_skeletons import SkeletonAugmenter, at

DRIFT = 0.02
"""How far joints of people who keep still go in a window: standard deviation in the same unit."""
CALM = ("catch", "clap", "pick", "pour", "sit", "stand", "throw", "walk", "wave")
"""Actions in the course of which people may be seen who stand or sit as they do without."""


class Maker(SkeletonAugmenter):
    """Makes windows, B×32×13×3, of clips, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(JOINTS, LENGTH, SPAN, seed)

    def actions(self, positions: Tensor, lengths: Tensor) -> Tensor:
        """Return windows of the clips, varied."""
        seen = self.flipped(self.tilted(self.sampled(positions, *self.times(lengths))))
        return torch.cat([seen, torch.ones_like(seen[..., :1])], dim=3) * self.kept(len(seen))

    def falling(self, positions: Tensor, lengths: Tensor) -> Tensor:
        """Return windows of people who fall or lie, made of the clips by turning and foreshortening."""
        count, window = len(lengths), self.actions(positions, lengths)
        seen, kind = window[..., :2], self.uniform(count)
        degrees = torch.where(
            self.uniform(count) < 0.7,
            self.uniform(count, low=60, high=120),
            self.uniform(count, low=100, high=180),
        )
        gone = self._gone(kind < 0.55)
        still = (kind > 0.55) & (kind < 0.8)
        seen = torch.where(still[:, None, None, None], seen[:, :1] + 0.01 * self.normal(*seen.shape), seen)
        shorter = (1 - 0.6 * gone * self.uniform(count, 1))[..., None]
        angle = gone * (self._side(count) * torch.deg2rad(degrees))[:, None]
        pivot = seen[:, :, ANKLES].mean(dim=2, keepdim=True)
        x, y = (seen - pivot).unbind(dim=3)
        known = window[..., 2:]
        return torch.cat([(_turned(torch.stack([x, y * shorter], dim=3), angle) + pivot) * known, known], dim=3)

    def contorted(self, positions: Tensor, lengths: Tensor) -> Tensor:
        """Return windows of people in postures that no action has: trunk bent while the legs are not below, or upside
        down. They are in them or come to them, and hardly move else.
        """
        count, window = len(lengths), self.actions(positions, lengths)
        first, over = window[:, :1, :, :2], self.uniform(count, 1) < 0.3
        trunk = torch.where(over, self.uniform(count, 1, low=110, high=180), self.uniform(count, 1, low=30, high=110))
        thigh = torch.where(over, self.uniform(count, 1, low=0, high=60), self.uniform(count, 1, low=50, high=150))
        shin = torch.where(over, thigh + 40 * self.normal(count, 1), self.uniform(count, 1, low=50, high=180))
        trunk, thigh, shin = (torch.deg2rad(degrees) * self._side(count)[:, None] for degrees in (trunk, thigh, shin))
        hips = first[:, :, HIPS].mean(dim=2, keepdim=True)
        along = first[:, :, SHOULDERS].mean(dim=2) - hips[:, :, 0]  # B×1×2
        turn = trunk - torch.atan2(along[..., 0], -along[..., 1])
        upper = _turned(first[:, :, : KNEES[0]] - hips, turn) * self.uniform(count, 1, 1, 1, low=0.6) + hips
        knees = upper[:, :, HIPS] + self._bone(first, HIPS, KNEES, thigh)
        ankles = knees + self._bone(first, KNEES, ANKLES, shin)
        gone = self._gone(self.uniform(count) < 0.4)[..., None, None]
        moves = torch.linspace(-0.5, 0.5, LENGTH)[None, :, None, None] * DRIFT * self.normal(*first.shape)
        seen = first + (torch.cat([upper, knees, ankles], dim=2) - first) * gone + moves
        known = window[..., 2:]
        return torch.cat([seen * known, known], dim=3)

    def _gone(self, moving: Tensor) -> Tensor:
        """Return how far a fall has gone, B×32 from 0 to 1; always 1 for those that do not move."""
        count = len(moving)
        begin, takes = self.uniform(count, 1, low=-0.3, high=0.6), self.uniform(count, 1, low=0.25, high=0.8)
        gone = ((torch.linspace(0, 1, LENGTH)[None] - begin) / takes).clamp(0, 1)
        return torch.where(moving[:, None], gone * gone * (3 - 2 * gone), torch.ones_like(gone))

    def _side(self, count: int) -> Tensor:
        """Return 1 or -1 for each."""
        return torch.where(self.uniform(count) < 0.5, 1.0, -1.0)

    def _bone(self, seen: Tensor, begin: tuple[int, int], end: tuple[int, int], angle: Tensor) -> Tensor:
        """Return both sides' bones, B×1×2×2, as long as they are seen or less, at about this angle from downwards."""
        length = (seen[:, :, end] - seen[:, :, begin]).norm(dim=3) * self.uniform(len(seen), 1, 1, low=0.5)
        angle = angle[..., None] + 0.2 * self.normal(*length.shape)
        return torch.stack([length * angle.sin(), length * angle.cos()], dim=3)

    def still(self, positions: Tensor, postures: list[Tensor], count: int) -> tuple[Tensor, Tensor]:
        """Return windows of people who hardly move, and their labels. postures: see `postures`."""
        halves = [(kind, count // 2 + side * (count % 2)) for side, kind in enumerate(postures)]
        drawn = torch.cat([kind[torch.randint(len(kind), (n,), generator=self.dice)] for kind, n in halves])
        clip, image, label = drawn.unbind(dim=1)
        first, last = at(positions[clip], image[:, None] + torch.tensor([[0.0, 2.0]])).split(1, dim=1)
        share = torch.linspace(0, 1, LONGEST)[None, :, None, None]
        moves = (last - first) * self.uniform(count, 1, 1, 1) + DRIFT * self.normal(count, 1, *first.shape[2:])
        return self.actions(first + moves * share, torch.full((count,), float(LONGEST))), label


def _turned(offsets: Tensor, angle: Tensor) -> Tensor:
    """Turn B×T×V×2 by B×T radians, clockwise as images are shown."""
    (x, y), angle = offsets.unbind(dim=3), angle[..., None]
    return torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=3)


def postures(clips: Clips) -> list[Tensor]:
    """Return where people plainly sit, and where they plainly stand: rows of clip, image and label."""
    parts = {"shoulders": SHOULDERS, "hips": HIPS, "knees": KNEES, "ankles": ANKLES}
    height = {name: clips.positions[:, :, part, 1].mean(dim=2) for name, part in parts.items()}
    middle = clips.positions[:, :, SHOULDERS].mean(dim=2) - clips.positions[:, :, HIPS].mean(dim=2)
    trunk = middle.norm(dim=2) + 1e-3
    upright = (height["hips"] - height["shoulders"]) / trunk
    thigh, shin = (height["knees"] - height["hips"]) / trunk, (height["ankles"] - height["knees"]) / trunk
    calm = torch.tensor([name in CALM for name in clips.names])[clips.labels]
    there = calm[:, None] & (torch.arange(LONGEST)[None] < clips.lengths[:, None])
    sitting = there & (upright > 0.7) & (thigh.abs() < 0.35) & (shin > 0.3)
    standing = there & (upright > 0.9) & (thigh > 0.55) & (shin > 0.5)
    found = []
    for name, where in (("sit", sitting), ("stand", standing)):
        clip, image = where.nonzero(as_tuple=True)
        found.append(torch.stack([clip, image, torch.full_like(clip, clips.names.index(name))], dim=1))
    return found
