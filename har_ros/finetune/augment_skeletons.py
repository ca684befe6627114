"""What training does to windows of skeletons: other speeds, cameras and poses, noise, lost joints, mirror images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from har_ros.frames.skeletons import other_side


@dataclass(frozen=True)
class SkeletonAugmentation:
    """What is varied; shares are of the windows, lengths in units of about a person's height.

    rate: the logarithm of the speed, at most. part: share that begin or end far from the clip's middle.
    slow: share of cameras with 5 to 25 images a second. noisy, noise: share with noise, and its deviation, at most.
    offset: deviation of what is constant. turn: deviation of the tilt in radians. stretch: of the logarithm of the
    proportions. lost: share with lost joints. legs: share without legs or knees.
    """

    rate: float = 0.2
    part: float = 0.2
    slow: float = 0.25
    noisy: float = 0.6
    noise: float = 0.008
    offset: float = 0.006
    turn: float = 0.1
    stretch: float = 0.08
    lost: float = 0.15
    legs: float = 0.06


class SkeletonAugmenter:
    """Varies clips of skeletons, the same way for the same seed.

    joints: the names of the axis V, see frames.skeletons. length: skeletons in a window. span: images of a clip, from
    the first of a window to its last.
    """

    def __init__(
        self,
        joints: Sequence[str],
        length: int,
        span: float,
        seed: int,
        how: SkeletonAugmentation = SkeletonAugmentation(),
    ) -> None:
        self.dice = torch.Generator().manual_seed(seed)
        self._how = how
        self._joints = joints
        self._length = length
        self._span = span

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return numbers between low and high."""
        return torch.rand(*shape, generator=self.dice) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Return numbers with a deviation of 1."""
        return torch.randn(*shape, generator=self.dice)

    def times(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images at which windows begin, and over how many they last. lengths: of the clips, in images."""
        count = len(lengths)
        lasts = self._span * torch.exp(self.uniform(count, low=-self._how.rate, high=self._how.rate))
        begin = self.uniform(count) * (lengths - 1 - lasts)
        far = (self.uniform(count) - 0.5) * 0.6 * (lengths - 1)
        return torch.where(self.uniform(count) < self._how.part, begin + far, begin), lasts

    def sampled(self, positions: Tensor, begin: Tensor, lasts: Tensor) -> Tensor:
        """Return windows, B×T×V×2, as a camera of some rate sees the clips, with noise, interpolated."""
        how, count, length = self._how, len(begin), self._length
        images = torch.where(
            self.uniform(count) < how.slow, self.uniform(count, low=5, high=length), torch.full((count,), float(length))
        )
        period = ((length - 1) / (images - 1))[:, None]
        phase = self.uniform(count, 1) * period * (images < length)[:, None]
        place = (torch.arange(length)[None] + phase) / period
        before, share = place.floor(), (place - place.floor())[..., None, None]
        noise = torch.where(self.uniform(count) < how.noisy, self.uniform(count) * how.noise, torch.zeros(count))
        noises = self.normal(count, length + 2, *positions.shape[2:]) * noise[:, None, None, None]
        row, sides = torch.arange(count)[:, None], []
        for image in (before, before + 1):
            when = (image * period - phase).clamp(0, length - 1) / (length - 1)
            sides.append(at(positions, begin[:, None] + lasts[:, None] * when) + noises[row, image.long()])
        return sides[0] * (1 - share) + sides[1] * share

    def tilted(self, seen: Tensor) -> Tensor:
        """Return windows, B×T×V×2, tilted and stretched, with joints out of place."""
        how, count = self._how, len(seen)
        seen = seen + self.normal(count, 1, *seen.shape[2:]) * how.offset
        angle = self.normal(count).clamp(-2.5, 2.5) * how.turn
        wide, shear = torch.exp(self.normal(count) * how.stretch), self.normal(count) * how.stretch
        rows = ([angle.cos() * wide, -angle.sin()], [angle.sin() * wide + shear, angle.cos()])
        turn = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        return torch.einsum("btvc,bdc->btvd", seen, turn)

    def flipped(self, seen: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Return windows, half of which are mirrored, where that is allowed (of each; None: of all)."""
        flips = self.uniform(len(seen)) < 0.5
        flips = flips if allowed is None else flips & allowed
        return torch.where(flips[:, None, None, None], mirrored(seen, self._joints), seen)

    def kept(self, count: int) -> Tensor:
        """Return B×1×V×1: 1 for joints that are seen, 0 for those that are not in the whole window."""
        legs = [number for number, name in enumerate(self._joints) if name.endswith(("knee", "ankle"))]
        hips = [number for number, name in enumerate(self._joints) if name.endswith(("hip", "pelvis"))]
        kept, which, share = torch.ones(count, len(self._joints)), self.uniform(count), self.uniform(count, 1) * 0.5
        kept[(self.uniform(count) < self._how.lost)[:, None] & (self.uniform(*kept.shape) < share)] = 0
        kept[:, legs] *= (which >= self._how.legs).float()[:, None]
        kept[:, hips] *= (which >= self._how.legs / 2).float()[:, None]
        return kept[:, None, :, None]


def at(positions: Tensor, times: Tensor) -> Tensor:
    """Interpolate clips, B×L×V×C, at B×K images, counted from the first; before and after there is no motion."""
    before = times.floor().clamp(0, positions.shape[1] - 2).long()
    share = (times - before).clamp(0, 1)[..., None, None]
    row = torch.arange(len(positions))[:, None]
    return positions[row, before] * (1 - share) + positions[row, before + 1] * share


def mirrored(windows: Tensor, joints: Sequence[str]) -> Tensor:
    """Return windows (…×V×2 or ×3, x = 0 in the middle) in a mirror: left and right are exchanged."""
    sign = torch.ones(windows.shape[-1])
    sign[0] = -1
    return windows[..., [joints.index(other_side(name)) for name in joints], :] * sign
