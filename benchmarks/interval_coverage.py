"""How often intervals over groups hold the truth: simulated, beside the bootstrap's percentiles.

python benchmarks/interval_coverage.py
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.progress import track

from har_ros.stats.intervals import Bootstrap, interval

GROUPS, SIZE = (3, 5, 8, 16), 20
CASES = ((0.8, 0.1), (0.8, 0.3), (0.95, 0.3))
"""Share that is right, and correlation within a group."""


def main() -> None:
    """Print how often the intervals hold the share, and in brackets how often the percentiles do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1500)
    options = parser.parse_args()
    for groups in GROUPS:
        held = {
            case: coverage(groups, *case, options.draws) for case in track(CASES, f"{groups} groups", transient=True)
        }
        rates = (
            f"{share}, correlation {inner}: {ours:.2f} ({theirs:.2f})"
            for (share, inner), (ours, theirs) in held.items()
        )
        print(f"{groups:2d} groups: {', '.join(rates)}")


def coverage(groups: int, share: float, correlation: float, draws: int) -> tuple[float, float]:
    """Return how often the interval of a share holds it, and how often the percentiles do."""
    rng, weights, held = np.random.default_rng(groups), Bootstrap(groups).weights, np.zeros(2)
    size = 1 / correlation - 1
    for _ in range(draws):
        clips = rng.poisson(SIZE, groups) + 1
        right = rng.binomial(clips, rng.beta(share * size, (1 - share) * size, groups))
        values = (weights @ right) / (weights @ clips)
        found, percentiles = interval(values, groups), np.percentile(values[1:], (2.5, 97.5))
        held += (found.low <= share <= found.high, percentiles[0] <= share <= percentiles[1])
    ours, theirs = (held / draws).tolist()
    return ours, theirs


if __name__ == "__main__":
    main()
