"""The arithmetic of operators that see several points in time, when frames come in steps.

A column is what a tensor holds of one point in time. For an operator of kernel k, dilation d, stride s and padding p
before the first column, a clip network has

    out[i] = f(in[i s - p], in[i s - p + d], ..., in[i s - p + (k - 1) d]).

A stream lags: the column that comes as number q is the clip network's column q - lag. With in' and out' for streams,

    out'[q] = out[q - lag_out] = f(in'[q s + first], ..., in'[q s + first + (k - 1) d])
    first = lag_in - p - s lag_out.

A step adds n columns, a multiple of s, and gives n / s; so strides keep their phase. The last one, q = n / s - 1,
must not read beyond n - 1:

    first + (k - 1) d <= s - 1.

The least lag_out that satisfies this is the operator's. Then -first columns of the steps before are needed, which are
the state (where first is positive, that many are skipped), and s - 1 - first - (k - 1) d of the newest are not needed
yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Extent:
    """What a sliding operator sees of time. pad: columns before the first one."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    pad: int = 0


@dataclass(frozen=True)
class Streaming:
    """How a sliding operator streams, in columns: see the arithmetic above.

    lag: of its output. state: newest inputs that it keeps. skip: oldest of a step that it does not read.
    spare: newest of a step that it does not read yet.
    """

    lag: int
    state: int
    skip: int
    spare: int


def streaming(extent: Extent, lag: int) -> Streaming:
    """Return how an operator streams when its input lags by `lag` columns."""
    span, stride = (extent.kernel - 1) * extent.dilation, extent.stride
    lag_out = -((extent.pad + stride - 1 - span - lag) // stride)  # rounded up
    first = lag - extent.pad - stride * lag_out
    return Streaming(lag_out, max(0, -first), max(0, first), stride - 1 - first - span)


def explicit_pads(
    given: dict[str, Any], shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Return the padding as numbers, begins then ends, whichever way the attributes have it (ONNX's Conv).

    shape: of the input, without batch and channels.
    """
    kind = given.get("auto_pad", b"NOTSET").decode()
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        return list(given.get("pads", [0] * 2 * len(kernel)))
    totals = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        for n, k, s, d in zip(shape, kernel, strides, dilations, strict=True)
    ]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return less + more if kind == "SAME_UPPER" else more + less
