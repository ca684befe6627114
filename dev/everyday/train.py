"""Trains everyday-14, the network for actions from skeletons that comes with har_ros, and measures it.

python dev/everyday/train.py ../shared/data/jhmdb/jhmdb.npz

The figures come from networks that are trained with the training part of each of JHMDB's official splits. The network
that is written is trained with all clips. Members that are in the folder already are not trained again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from openvino import Core

import everyday_clips as data
from everyday_clips import JOINTS, LENGTH
from everyday_figures import Tested, floor_of, measure
from everyday_network import Everyday, exported
from everyday_training import Task, trained

NETWORK = Path(__file__).parents[2] / "har_ros" / "models" / "cards" / "everyday-14.onnx"
SPLITS, MEMBERS, EPOCHS = range(3), range(4), 120


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="jhmdb.npz")
    parser.add_argument("--build", type=Path, default=Path("build/everyday"), help="folder for the members")
    parser.add_argument("--jobs", type=int, default=2, help="members that are trained at a time")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = data.load(options.data)
    sides = [[_side(clips, split, part) for part in (1, 2)] for split in SPLITS]
    tasks = {
        "split": [Task(f"split{s + 1}-{m}", 100 * s + m, _listed(sides[s][0])) for s in SPLITS for m in MEMBERS],
        "final": [Task(f"final-{m}", 1000 + m, _listed(np.arange(len(clips.labels)))) for m in MEMBERS],
    }
    everything = [task for group in tasks.values() for task in group]
    members = trained(options.data, everything, EPOCHS, options.build, options.jobs)
    groups = [[members[f"split{s + 1}-{m}"] for m in MEMBERS] for s in SPLITS]
    splits = [Tested(clips.part(test), test, group) for (_, test), group in zip(sides, groups, strict=True)]
    floor = floor_of(splits)
    figures = measure(splits, data.groups(clips), floor)
    print(json.dumps(json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 4)), indent=2))
    network = Everyday([members[task.name] for task in tasks["final"]], floor)
    NETWORK.write_bytes(exported(network).SerializeToString())
    print(f"OpenVINO and PyTorch differ by {difference(network, NETWORK):.1e} at most")


def difference(network: Everyday, path: Path) -> float:
    """Return how far the file's logits are from the network's, at most, for windows in which joints are missing."""
    windows = torch.rand(200, LENGTH, len(JOINTS), 3)
    windows *= (torch.rand(200, 1, len(JOINTS), 1) < torch.rand(200, 1, 1, 1)).float()
    compiled = Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        return float(np.abs(compiled(windows.numpy())[0] - network.eval()(windows).numpy()).max())


def _side(clips: data.Clips, split: int, part: int) -> NDArray[np.int64]:
    """Return the clips of a split's training (1) or test part (2)."""
    return np.flatnonzero(clips.splits[:, split] == part)


def _listed(clips: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(clips.tolist())


if __name__ == "__main__":
    main()
