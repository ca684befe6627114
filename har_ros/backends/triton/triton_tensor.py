"""What both kinds of model.py need; it is exported beside them. Triton's Python backend imports it from there."""

import ctypes
from typing import Any

import triton_python_backend_utils as pb_utils  # Triton's own

USED = b"used_dltensor"


def tensor(name: str, array: Any) -> Any:
    """Make a tensor without Triton reading numpy's array, which its servers up to 2.51 cannot from numpy 2 on.

    They take its DLPack capsule, but do not mark it as numpy expects, which then prints an error for each.
    """
    capsule = array.__dlpack__()
    made = pb_utils.Tensor.from_dlpack(name, capsule)
    ctypes.pythonapi.PyCapsule_SetName(ctypes.py_object(capsule), USED)
    return made
