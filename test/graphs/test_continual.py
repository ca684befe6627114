"""Clip networks and their continual twins: the same numbers, frame by frame."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from player import Player, session
from streamable_networks import ARCHITECTURES, Graph, numbers

from har_ros.graphs.twin import continual

TIME = 2


def noise(frames, size=16, seed=0):
    return np.random.default_rng(seed).normal(size=(1, 3, frames, size, size)).astype(np.float32)


def reached(make, frames, stride, size):
    """Return the columns that change with the frames of one step in the middle, counted from that step."""
    impulse = np.zeros((1, 3, frames, size, size), np.float32)
    middle = frames // 2 // stride
    impulse[:, :, middle * stride : (middle + 1) * stride] = 1
    columns = session(make(columns=True, positive=True)).run(None, {"clips": impulse})[0][0]
    return np.flatnonzero(columns.any(axis=1)) - middle


def assert_streams_as_the_whole(make, twin, steps, size=16, seed=0):
    """Compare all columns that the two ends cannot have spoilt; there must be some."""
    ends = 1 + int(np.abs(reached(make, sum(steps), twin.stride, size)).max())
    clip = noise(sum(steps), size, seed)
    expected = session(make(columns=True)).run(None, {"clips": clip})[0][0]
    found = Player(twin).all(clip, steps)
    inside = np.arange(ends, min(len(expected) - ends, len(found) - twin.lag))
    assert len(inside) > 0
    np.testing.assert_allclose(found[inside + twin.lag], expected[inside], atol=1e-4)


@st.composite
def graphs(draw):
    """Make small networks of random operators, two or three branches, joined; and the same without its average."""
    plan = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["conv", "MaxPool", "AveragePool", "norm", "pad"]),
                st.integers(1, 4),  # kernel
                st.integers(1, 2),  # stride
                st.integers(1, 2),  # dilation
                st.tuples(st.integers(0, 3), st.integers(0, 3)),  # padding, begin and end
                st.integers(0, 1),  # ceil_mode
            ),
            min_size=1,
            max_size=3,
        )
    )
    branches = draw(
        st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 3)), min_size=1, max_size=3)
    )
    rate, join, average = draw(st.integers(1, 2)), draw(st.sampled_from(["Concat", "Add"])), draw(AVERAGES)
    return partial(build, plan, branches, rate, join, average)


AVERAGES = st.sampled_from(["GlobalAveragePool", "ReduceMean"])


def build(plan, branches, rate, join, average, columns=False, positive=False):
    graph = Graph(positive)
    x = graph.conv("clips", 2, (1, 1, 1), relu=False)
    for operator, kernel, stride, dilation, (begin, end), ceil in plan:
        pads = (begin, 0, 0, end, 0, 0)
        if operator == "conv":
            x = graph.conv(x, 3, (kernel, 1, 1), (stride, 1, 1), pads, (dilation, 1, 1))
        elif operator == "norm":
            x = graph.norm(x)
        elif operator == "pad":
            x = graph.add("Pad", x, graph.constant(np.array([0, 0, begin, 0, 0, 0, 0, end, 0, 0])))
        else:
            pads = (min(begin, kernel - 1), 0, 0, min(end, kernel - 1), 0, 0)
            x = graph.pool(operator, x, (kernel, 1, 1), (stride, 1, 1), pads, ceil_mode=ceil)
    ends = []
    for kernel, dilation, pad in branches:
        span = (kernel - 1) * dilation
        pads = (min(pad, span), 0, 0, span - min(pad, span), 0, 0)  # so that all branches are as long
        ends.append(graph.conv(x, 2, (kernel, 1, 1), (rate, 1, 1), pads, (dilation, 1, 1)))
    y = ends[0]
    for other in ends[1:]:
        y = graph.concat(y, other) if join == "Concat" else graph.add("Add", y, other)
    return graph.finish(y, [3, "time", 2, 2], average, columns)


@given(graphs(), st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(0, 3))
def test_any_graph_streams_as_the_whole_however_it_is_cut(make, pieces, seed):
    twin = continual(make(), "clips", "scores", [1, 3, 96, 2, 2], TIME)
    steps = [piece * twin.stride for piece in pieces]
    while sum(steps) < 240:
        steps += steps
    assert_streams_as_the_whole(make, twin, steps, 2, seed)


def test_a_pooling_that_rounds_up_gives_no_column_too_many():
    make = partial(build, [("MaxPool", 2, 2, 1, (1, 0), 1)], [(3, 1, 1)], 1, "Add", "GlobalAveragePool")
    twin = continual(make(), "clips", "scores", [1, 3, 96, 2, 2], TIME)
    assert_streams_as_the_whole(make, twin, [2, 4, 2, 8, 24], 2)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_zoos_networks_stream_as_the_whole_and_as_early_as_can_be(name):
    make, stride = ARCHITECTURES[name], {"mc3_18": 1, "resnet-18": 16, "resnet-34": 16}.get(name, 8)
    twin = continual(make(), "clips", "scores", [1, 3, 32, 16, 16], TIME)
    steps = [stride * n for n in (1, 2, 1, 4, 3, 10, 19)]
    assert (twin.stride, twin.lag) == (stride, -reached(make, sum(steps), stride, 16).min())
    assert_streams_as_the_whole(make, twin, steps)


def test_two_cameras_interleaved_or_together_are_as_each_alone():
    make = ARCHITECTURES["i3d"]
    twin = continual(make(), "clips", "scores", [1, 3, 32, 16, 16], TIME)
    player, clips = Player(twin), [noise(160, seed=seed) for seed in (1, 2)]
    alone = [player.all(clip, [8] * 20) for clip in clips]
    states, interleaved = [player.start(), player.start()], [[], []]
    both, together = player.start(batch=2), []
    for at in range(0, 160, 8):
        for i, clip in enumerate(clips):
            interleaved[i].append(player.step(clip[:, :, at : at + 8], states[i]))
        together.append(player.step(np.concatenate(clips)[:, :, at : at + 8], both))
    for i in range(2):
        np.testing.assert_array_equal(np.concatenate(interleaved[i]), alone[i])
        np.testing.assert_allclose(np.stack(together)[:, i], alone[i], atol=1e-5)


def test_what_exporters_compute_from_shapes_is_constant():
    """`x.view(x.size(0), -1)` as torch's older exporter has it, and a weight that is computed."""

    def make(columns=False, positive=False):
        graph = Graph(positive)
        x = graph.conv("clips", 4, (3, 3, 3), (2, 2, 2))
        same = graph.add("Max", graph.add("Shape", x), graph.constant(np.array(1)))
        x = graph.add("Reshape", x, same)
        half = graph.add("Mul", graph.constant(np.float32([[1]])), graph.constant(np.float32(0.5)))
        x = graph.add("Mul", x, half, channels=4)
        if columns:
            return graph.finish(x, [3, "time", 4, 4], columns=True)
        x = graph.add("GlobalAveragePool", x)
        batch = graph.add("Gather", graph.add("Shape", x), graph.constant(np.array([0])), axis=0)
        x = graph.add("Reshape", x, graph.add("Concat", batch, graph.constant(numbers(-1)), axis=0), channels=4)
        last = graph.weights(4, graph.classes)
        return graph.raw(graph.add("MatMul", x, last), [3, "time", 4, 4], rank=2)

    output = make().graph.output[0].name
    twin = continual(make(), "clips", output, [1, 3, 16, 4, 4], TIME)
    assert_streams_as_the_whole(make, twin, [4, 2, 6, 20], 4)


def test_the_model_itself_stays_as_it_is():
    model = ARCHITECTURES["r3d_18"]()
    before = model.SerializeToString()
    continual(model, "clips", "scores", [1, 3, 32, 16, 16], TIME)
    assert model.SerializeToString() == before


def test_an_output_with_one_point_in_time_needs_no_average():
    """As of a network whose strides leave one column of a clip: N×4×1×1×1."""

    def make(columns=False, positive=False):
        graph = Graph(positive, classes=4)
        x = graph.conv("clips", 4, (3, 1, 1), (4, 1, 1))
        x = graph.pool("AveragePool", x, (1, 2, 2), (1, 2, 2))
        if not columns:
            return graph.raw(x, [3, "time", 2, 2])
        x = graph.add("ReduceMean", x, graph.constant(np.array([3, 4])), keepdims=0)
        x = graph.add("Transpose", x, perm=[0, 2, 1])
        return graph.raw(x, [3, "time", 2, 2], rank=3)

    twin = continual(make(), "clips", "AveragePool_2", [1, 3, 4, 2, 2], TIME)
    assert (twin.stride, twin.columns) == (4, 1)
    clip = noise(64, 2)
    expected = session(make(columns=True)).run(None, {"clips": clip})[0][0]
    found = Player(twin).all(clip, [8] * 8).reshape(16, 4)
    np.testing.assert_allclose(found[1:], expected[1:], atol=1e-4)
