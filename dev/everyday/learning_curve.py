"""How good a member of everyday-14 is with fewer clips, on JHMDB; writes each as a network to try elsewhere.

python dev/everyday/learning_curve.py ../shared/data/jhmdb/jhmdb.npz
python benchmarks/skeletons.py DATA --model build/everyday/curve-0.25
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from train import EPOCHS, NETWORK

import everyday_clips as data
from everyday_figures import AS_MOVENET, Tested, floor_of, right
from everyday_network import Everyday, Member, exported
from everyday_training import train

SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the videos of each action."""
SPLIT = 0


def main() -> None:
    """Train one member with each share of a split's training part; all take the same number of steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="jhmdb.npz")
    parser.add_argument("--build", type=Path, default=Path("build/everyday"), help="folder for the networks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = data.load(options.data)
    taught, tested = (np.flatnonzero(clips.splits[:, SPLIT] == part) for part in (1, 2))
    test = clips.part(tested)
    windows = data.whole(test), data.worsened(test, AS_MOVENET, 0)
    for share in SHARES:
        chosen = drawn(clips, taught, share, np.random.default_rng(options.seed))
        member = Member()
        member.load_state_dict(train(clips.part(np.resize(chosen, len(taught))), options.seed, EPOCHS))
        members = [member.eval()]
        whole, worse = (right(members, one, test).mean() for one in windows)
        print(f"{len(chosen)} clips: {whole:.3f}; as MoveNet sees them {worse:.3f}", flush=True)
        network = Everyday(members, floor_of([Tested(test, tested, members)]))
        folder = options.build / f"curve-{share:g}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NETWORK.name).write_bytes(exported(network).SerializeToString())
        (folder / "card.yaml").write_text(NETWORK.with_suffix(".yaml").read_text())


def drawn(clips: data.Clips, taught: NDArray[np.int64], share: float, dice: np.random.Generator) -> NDArray[np.int64]:
    """Return the clips of a share of each action's videos, shuffled."""
    videos, labels = data.groups(clips)[taught], clips.labels.numpy()[taught]
    found = []
    for label in np.unique(labels):
        own = dice.permutation(np.unique(videos[labels == label]))
        kept = own[: max(1, round(share * len(own)))]
        found.append(taught[(labels == label) & np.isin(videos, kept)])
    return dice.permutation(np.concatenate(found))


if __name__ == "__main__":
    main()
