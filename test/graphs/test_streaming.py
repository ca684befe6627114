"""The arithmetic of steps, against the definition of what slides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.graphs.streaming import Extent, streaming

EXTENTS = st.builds(Extent, st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 6))


def slide(values, extent, pad):
    """Sum of k values, the definition: out[i] = sum_j in[i s - p + j d], zeros before the first."""
    padded = np.concatenate([np.zeros(pad), values])
    span = (extent.kernel - 1) * extent.dilation
    starts = range(0, len(padded) - span, extent.stride)
    return np.array([padded[i : i + span + 1 : extent.dilation].sum() for i in starts])


@given(EXTENTS, st.integers(-5, 20), st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_an_operator_streams_as_it_slides(extent, lag, steps):
    """Against the definition, with an input that lags already; and with the least state and lag that do it."""
    how = streaming(extent, lag)
    values = np.random.default_rng(0).normal(size=sum(steps) * extent.stride + 5)
    stream = np.concatenate([np.zeros(max(lag, 0)), values])[max(-lag, 0) :]
    state, found, at = np.zeros(how.state), [], 0
    for n in steps:
        joined = np.concatenate([state, stream[at : at + n * extent.stride]])
        at += n * extent.stride
        outputs = slide(joined[how.skip :], extent, 0)
        assert len(outputs) == n
        found.extend(outputs)
        state = joined[len(joined) - how.state :]
    expected = slide(values, extent, extent.pad)
    span = (extent.kernel - 1) * extent.dilation
    for q, i in ((q, q - how.lag) for q in range(len(found))):
        if i * extent.stride - extent.pad >= max(0, -lag):  # it reads nothing from before the first
            assert found[q] == pytest.approx(expected[i])
    assert how.state == 0 or how.skip == 0
    assert 0 <= how.spare < extent.stride  # one column less of lag would read what has not come
    assert how.state <= span
