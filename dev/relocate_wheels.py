"""The ROS wheels' CMake files name include folders of the machine that built them; rewrite those to this one's."""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
NUMPY = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_core/include")

for path in Path(sys.prefix, "share").glob("*/cmake/*.cmake"):
    text = path.read_text()
    relocated = PYTHON.sub(sysconfig.get_paths()["include"], NUMPY.sub(np.get_include(), text))
    if relocated != text:
        path.write_text(relocated)
