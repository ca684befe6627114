"""What continual inference cannot do is refused by its name."""

import re

import numpy as np
import pytest
from small_networks import encoder_decoder, linear_network, write_card
from streamable_networks import Graph, numbers

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ModelError
from har_ros.graphs.twin import continual
from har_ros.pipeline.recognizer import Recognizer

TIME = 2
F32 = BackendSettings("openvino", "f32")


def time_varying(graph, x):
    return graph.add("Add", x, graph.constant(np.arange(32, dtype=np.float32).reshape(1, 1, 32, 1, 1)))


def gate(graph, x):
    mean = graph.add("ReduceMean", x, graph.constant(numbers(2, 3, 4)), keepdims=1)
    return graph.add("Mul", x, graph.add("Sigmoid", mean))


def slow_and_fast(graph, x):
    slow, fast = graph.conv(x, 4, (3, 3, 3)), graph.conv(x, 4, (1, 1, 1))
    ends = [graph.add("GlobalAveragePool", end) for end in (slow, fast)]
    return graph.concat(*ends)


CANNOT = {
    "attention": (
        lambda graph, x: graph.add("MatMul", x, graph.add("Transpose", x, perm=[0, 1, 2, 4, 3])),
        "MatMul 'MatMul_3' mixes all of time",
    ),
    "position": (time_varying, "Add 'Add_2' has a constant, 'constant_2', that is not the same for all frames"),
    "squeeze and excite": (gate, "Mul 'Mul_4' joins frames with their average over time"),
    "sum so far": (
        lambda graph, x: graph.add("CumSum", x, graph.constant(np.array(2))),
        "CumSum 'CumSum_2' may mix frames that are far apart",
    ),
    "instance norm": (
        lambda graph, x: graph.add("InstanceNormalization", x, graph.weights(4), graph.summands(4)),
        "InstanceNormalization 'InstanceNormalization_2' may mix",
    ),
    "frames as channels": (
        lambda graph, x: graph.conv(graph.add("Transpose", x, perm=[0, 2, 1, 3, 4], channels=32), 4, (1, 1, 1)),
        "Conv 'Conv_3' takes time as channels",
    ),
    "batch": (
        lambda graph, x: graph.add("Transpose", x, perm=[2, 1, 0, 3, 4]),
        "Transpose 'Transpose_2' moves the batch",
    ),
    "flat": (
        lambda graph, x: graph.add("Flatten", x, axis=1),
        "Flatten 'Flatten_2' merges all of time with other axes",
    ),
    "pieces": (lambda graph, x: graph.add("Concat", x, x, axis=2), "Concat 'Concat_2' joins pieces of time"),
    "constant": (
        lambda graph, x: graph.add("Concat", x, graph.constant(np.zeros((1, 1, 32, 16, 16), np.float32)), axis=1),
        "Concat 'Concat_2' joins frames with a constant",
    ),
    "two averages": (slow_and_fast, "Concat 'Concat_8' joins averages over time that lag differently"),
}


@pytest.mark.parametrize("what", CANNOT)
def test_what_cannot_be_streamed_is_named(what):
    build, message = CANNOT[what]
    graph = Graph()
    x = build(graph, graph.conv("clips", 4, (3, 3, 3)))
    model = graph.raw(x, [3, "time", 16, 16])
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        continual(model, "clips", x, [1, 3, 32, 16, 16], TIME)
    assert "\n" not in str(caught.value)


def test_branches_at_different_rates_cannot_meet():
    graph = Graph()
    slow = graph.pool("MaxPool", graph.conv("clips", 4, (1, 1, 1), (2, 1, 1)), (1, 1, 1), (1, 1, 1))
    fast = graph.pool("MaxPool", graph.conv("clips", 4, (1, 1, 1)), (1, 1, 1), (1, 1, 1))
    mean = [graph.add("ReduceMean", x, graph.constant(numbers(3, 4)), keepdims=1) for x in (slow, fast)]
    model = graph.raw(graph.add("Add", mean[0], mean[1]), [3, "time", 16, 16])
    with pytest.raises(ModelError, match="Add 'Add_8' joins frames at different rates"):
        continual(model, "clips", "Add_8", [1, 3, 1, 16, 16], TIME)


def test_an_output_for_every_point_in_time_is_refused():
    graph = Graph()
    x = graph.conv("clips", 4, (3, 3, 3))
    with pytest.raises(ModelError, match=f"its output '{x}' is for all points in time, not an average of them"):
        continual(graph.raw(x, [3, "time", 16, 16]), "clips", x, [1, 3, 32, 16, 16], TIME)


def test_what_cannot_be_streamed_is_refused_with_the_remedy(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    with pytest.raises(
        ModelError, match=r"small cannot be streamed: its Flatten .* merges all of time .*; set continual"
    ):
        Recognizer.open(str(write_card(tmp_path)), F32, continual=True)


def test_a_card_of_another_kind_cannot_say_so(tmp_path):
    pair, *_ = encoder_decoder(tmp_path)
    pair.write_text(pair.read_text() + "continual: true\n")
    with pytest.raises(ConfigurationError, match="continual is true in a card of kind encoder-decoder; leave it out"):
        Recognizer.open(str(pair), F32)
