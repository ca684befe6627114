import sys
from pathlib import Path

sys.path.append(
    str(Path(__file__).parents[2] / "benchmarks")
)  # last: it has a module named coverage; none is named triton, for which PyTorch looks
