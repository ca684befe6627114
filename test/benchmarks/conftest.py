import sys
from pathlib import Path

# Last: it has a module named coverage. None may be named triton, which PyTorch looks for.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
