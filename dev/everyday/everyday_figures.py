"""How good everyday-14 is on the test parts of JHMDB's splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest
from torch import Tensor

import everyday_clips as data
from everyday_clips import ANKLES, JOINTS, KNEES, Worse
from everyday_network import Everyday, Member
from everyday_training import NOTHING
from har_ros.finetune.augment_skeletons import mirrored

QUIET = -1e4
"""A floor of nothing that no logit is below."""
UNCLAIMED = 0.01
"""Share of clips, of those that a network was not trained with, which fall below the floor of nothing."""
REPEATS = 10
"""How often clips are made worse by other dice."""
AS_MOVENET = Worse(step=3, noise=1, readings=0.25)
"""Ten skeletons a second, in which a quarter of the joints is lost."""
WORSE = {
    "fifteen a second": Worse(step=2),
    "ten a second": Worse(step=3),
    "six a second": Worse(step=5),
    "MoveNet's noise": Worse(noise=1),
    "a quarter of the readings lost": Worse(readings=0.25),
    "ten a second, a quarter of the readings lost": Worse(step=3, readings=0.25),
    "ten a second, a quarter of the readings lost, noise": AS_MOVENET,
    "ten a second, three joints lost, noise": Worse(step=3, noise=1, joints=3),
    "knees and ankles not in the picture": Worse(joints=(*KNEES, *ANKLES)),
}


@dataclass(frozen=True)
class Tested:
    """The test part of a split (clips, and where they are among all), and the members that were trained without it."""

    clips: data.Clips
    where: NDArray[np.int64]
    members: list[Member]

    def logits(self, windows: Tensor, floor: float = QUIET) -> Tensor:
        """Return what all members together give, N×15."""
        return logits(self.members, windows, floor)

    def right(self, windows: Tensor) -> NDArray[np.float64]:
        """Return of each clip whether its action is found among the 14."""
        return right(self.members, windows, self.clips)


def logits(members: list[Member], windows: Tensor, floor: float = QUIET) -> Tensor:
    """Return what the members give together, N×15."""
    with torch.no_grad():
        given: Tensor = Everyday(members, floor).eval()(windows)
    return given


def right(members: list[Member], windows: Tensor, clips: data.Clips) -> NDArray[np.float64]:
    """Return of each clip whether the members find its action among the 14."""
    found = logits(members, windows)[:, :NOTHING].argmax(dim=1)
    return np.asarray((found == clips.labels).double())


def floor_of(splits: list[Tested]) -> float:
    """Return the logit that the best action of nearly all clips exceeds, seen as by MoveNet and never trained with."""
    best = [split.logits(data.worsened(split.clips, AS_MOVENET, 0))[:, :NOTHING].amax(dim=1) for split in splits]
    return float(torch.cat(best).quantile(UNCLAIMED))


def measure(splits: list[Tested], videos: NDArray[np.int64], floor: float) -> dict[str, Any]:
    """Return the figures. videos: the number of each clip's video, as far as can be guessed."""
    windows = [data.whole(split.clips) for split in splits]
    found = [split.right(x) for split, x in zip(splits, windows, strict=True)]
    figures: dict[str, Any] = {
        "accuracy, mean of the splits": _mean(found),
        "95 % interval": _interval(splits, videos, found),
        "each split, with Wilson's interval": [[float(one.mean()), *_wilson(one)] for one in found],
        **_alone(splits, windows),
        **{name: _worsened(splits, how) for name, how in WORSE.items()},
    }
    opened = [split.logits(x, floor).argmax(dim=1) for split, x in zip(splits, windows, strict=True)]
    figures["accuracy with nothing as an answer"] = _mean(
        [np.asarray(said == split.clips.labels) for said, split in zip(opened, splits, strict=True)]
    )
    figures["clips that are said to be nothing"] = _mean([np.asarray(said == NOTHING) for said in opened])
    figures["same answer in a mirror"] = _mean(
        [_same(split, x, mirrored(x, JOINTS)) for split, x in zip(splits, windows, strict=True)]
    )
    return figures


def _alone(splits: list[Tested], windows: list[Tensor]) -> dict[str, float]:
    """Return the accuracy of members by themselves, and how far those of one seed lie from those of another."""
    table = np.array(
        [
            [right([member], x, split.clips).mean() for member in split.members]
            for split, x in zip(splits, windows, strict=True)
        ]
    )
    seeds = table.mean(axis=0)
    return {"one member": float(seeds.mean()), "its deviation over seeds": float(seeds.std(ddof=1))}


def _worsened(splits: list[Tested], how: Worse) -> float:
    found = [split.right(data.worsened(split.clips, how, seed)) for split in splits for seed in range(REPEATS)]
    return _mean(found)


def _same(split: Tested, windows: Tensor, others: Tensor) -> NDArray[np.bool_]:
    here, there = (split.logits(x)[:, :NOTHING].argmax(dim=1) for x in (windows, others))
    return np.asarray(here == there)


def _mean(found: list[Any]) -> float:
    """Return the mean over the splits, which differ by a clip in size."""
    return float(np.mean([one.mean() for one in found]))


def _wilson(found: NDArray[np.float64]) -> tuple[float, float]:
    """Return Wilson's 95 % interval of the share that is right."""
    interval = binomtest(round(found.sum()), len(found)).proportion_ci(method="wilson")
    return interval.low, interval.high


def _interval(splits: list[Tested], videos: NDArray[np.int64], found: list[NDArray[np.float64]]) -> list[float]:
    """Return the 95 % interval of the mean over the splits: a bootstrap over videos."""
    dice, table = np.random.default_rng(0), np.full((len(splits), len(videos)), np.nan)
    for row, split, one in zip(table, splits, found, strict=True):
        row[split.where] = one
    members = [np.flatnonzero(videos == video) for video in np.unique(videos)]
    means = []
    for _ in range(2000):
        drawn = np.concatenate([members[i] for i in dice.integers(len(members), size=len(members))])
        means.append(np.nanmean(table[:, drawn], axis=1).mean())
    return [float(bound) for bound in np.quantile(means, [0.025, 0.975])]
