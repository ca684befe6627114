"""Clip networks of every kind that continual inference knows: as they are, or without their average over time.

Without it they give a row for each column, N×columns×classes, which is what a stream of them must give.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from small_networks import write_card

PADDED = {1: 0, 3: 1, 7: 3}


def numbers(*values):
    return np.array(values, np.int64)


class Graph:
    """An ONNX graph in the making; tensors go by name, N×C×T×H×W.

    positive: weights above 0, no summands: outputs are 0 where all that they see is 0, and nowhere else.
    """

    def __init__(self, positive=False, classes=5):
        self.nodes, self.constants, self.classes, self.positive = [], [], classes, positive
        self.rng = np.random.default_rng(0)
        self.channels = {"clips": 3}

    def add(self, operator, *inputs, channels=None, **attributes):
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        self.channels[output] = channels or self.channels.get(inputs[0])
        return output

    def constant(self, value):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape):
        """Return random ones that keep the numbers' size."""
        values = (self.rng.normal(size=shape) * np.prod(shape[1:]) ** -0.5).astype(np.float32)
        return self.constant(np.abs(values) if self.positive else values)

    def summands(self, count):
        values = self.rng.normal(size=count, scale=0.1).astype(np.float32)
        return self.constant(np.zeros_like(values) if self.positive else values)

    def conv(self, x, channels, kernel, stride=(1, 1, 1), pads=None, dilations=(1, 1, 1), relu=True):
        weights, bias = self.weights(channels, self.channels[x], *kernel), self.summands(channels)
        if pads is None:
            pads = [PADDED[k] for k in kernel] * 2
        given = {"auto_pad": pads} if isinstance(pads, str) else {"pads": pads}
        y = self.add("Conv", x, weights, bias, channels=channels, strides=stride, dilations=dilations, **given)
        return self.add("Relu", y) if relu else y

    def norm(self, x):
        count = self.channels[x]
        mean, variance = self.summands(count), self.constant(np.linspace(0.5, 2, count, dtype=np.float32))
        return self.add("BatchNormalization", x, self.weights(count), self.summands(count), mean, variance)

    def pool(self, operator, x, kernel, stride, pads=(0,) * 6, **attributes):
        return self.add(operator, x, kernel_shape=kernel, strides=stride, pads=pads, **attributes)

    def concat(self, *tensors):
        return self.add("Concat", *tensors, axis=1, channels=sum(self.channels[x] for x in tensors))

    def finish(self, x, shape, average="GlobalAveragePool", columns=False, batch="batch"):
        """Average, or give the columns, and classify each."""
        last = self.weights(self.channels[x], self.classes)
        if columns:
            x = self.add("ReduceMean", x, self.constant(np.array([3, 4])), keepdims=0)
            x = self.add("Transpose", x, perm=[0, 2, 1])
        elif average == "GlobalAveragePool":
            x = self.add("Flatten", self.add(average, x), axis=1)
        else:
            x = self.add("ReduceMean", x, self.constant(np.array([-1, -2, -3])), keepdims=0)
        self.nodes.append(helper.make_node("MatMul", [x, last], ["scores"]))
        return self.raw("scores", shape, 3 if columns else 2, batch)

    def raw(self, output, shape, rank=5, batch="batch"):
        """Return the model that gives a tensor as it is."""
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("clips", TensorProto.FLOAT, [batch, *shape])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * rank)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def residual(graph, x, channels, block, stride):
    """A basic block: two convolutions, and a shortcut, with a 1×1×1 convolution where the shape changes."""
    y = block(graph, block(graph, x, channels, stride), channels, 1, relu=False)
    if stride != 1 or graph.channels[x] != channels:
        steps = (1, stride, stride) if block is flat else (stride,) * 3
        x = graph.conv(x, channels, (1, 1, 1), steps, relu=False)
    return graph.add("Relu", graph.add("Add", y, x, channels=channels))


def full(graph, x, channels, stride, relu=True):
    return graph.conv(x, channels, (3, 3, 3), (stride,) * 3, relu=relu)


def flat(graph, x, channels, stride, relu=True):
    return graph.conv(x, channels, (1, 3, 3), (1, stride, stride), relu=relu)


def factored(graph, x, channels, stride, relu=True):
    x = graph.conv(x, 2 * channels, (1, 3, 3), (1, stride, stride))
    return graph.conv(x, channels, (3, 1, 1), (stride, 1, 1), relu=relu)


def resnet(blocks, depths=(2, 2, 2, 2), stem="basic", positive=False, **ends):
    """torchvision's VideoResNet (r3d_18, mc3_18, r2plus1d_18), and 3D-ResNets-PyTorch's ResNets; few channels."""
    graph = Graph(positive)
    if stem == "basic":
        x = graph.conv("clips", 4, (3, 7, 7), (1, 2, 2))
    elif stem == "factored":
        x = graph.conv(graph.conv("clips", 3, (1, 7, 7), (1, 2, 2)), 4, (3, 1, 1))
    else:  # 3D-ResNets: seven frames, and a pooling that halves time
        x = graph.pool("MaxPool", graph.conv("clips", 4, (7, 7, 7), (1, 2, 2)), (3,) * 3, (2,) * 3, (1,) * 6)
    for i, (block, depth) in enumerate(zip(blocks, depths, strict=True)):
        for j in range(depth):
            x = residual(graph, x, 4 << i, block, 2 if i and not j else 1)
    return graph.finish(x, [3, "time", 16, 16], **ends)


def inception(graph, x, widths, factor):
    """An Inception module of I3D, or of S3D where convolutions are factored in space and time."""
    branches = [graph.conv(x, widths[0], (1, 1, 1))]
    for width in widths[1:3]:
        narrow = graph.conv(x, width, (1, 1, 1))
        branches.append(factored(graph, narrow, width, 1) if factor else full(graph, narrow, width, 1))
    pooled = graph.pool("MaxPool", x, (3, 3, 3), (1, 1, 1), (1,) * 6)
    return graph.concat(*branches, graph.conv(pooled, widths[3], (1, 1, 1)))


def inceptions(factor, positive=False, **ends):
    """torchvision's s3d, or I3D with TensorFlow's padding; few channels and modules, all that differs in time."""
    graph = Graph(positive)
    if factor:
        x = graph.conv(graph.conv("clips", 4, (1, 7, 7), (1, 2, 2)), 4, (7, 1, 1), (2, 1, 1))
    else:
        x = graph.conv("clips", 4, (7, 7, 7), (2, 2, 2), "SAME_UPPER")
    x = graph.pool("MaxPool", x, (1, 3, 3), (1, 2, 2), (0, 1, 1, 0, 1, 1))
    x = factored(graph, x, 6, 1) if factor else full(graph, x, 6, 1)
    x = inception(graph, x, (2, 3, 1, 2), factor)
    pads = (1,) * 6 if factor else (0, 0, 0, 1, 1, 1)
    x = graph.pool("MaxPool", x, (3, 3, 3), (2, 2, 2), pads)
    x = inception(graph, inception(graph, x, (2, 3, 1, 2), factor), (3, 2, 2, 1), factor)
    x = graph.pool("MaxPool", x, (2, 2, 2), (2, 2, 2))
    x = inception(graph, x, (2, 3, 1, 2), factor)
    x = graph.pool("AveragePool", x, (2, 1, 1), (1, 1, 1))
    x = graph.conv(x, 6, (1, 1, 1), relu=False)
    return graph.finish(x, [3, "time", 16, 16], "ReduceMean", **ends)


ARCHITECTURES = {
    "i3d": lambda **ends: inceptions(factor=False, **ends),
    "s3d": lambda **ends: inceptions(factor=True, **ends),
    "r3d_18": lambda **ends: resnet([full] * 4, **ends),
    "mc3_18": lambda **ends: resnet([full, flat, flat, flat], **ends),
    "r2plus1d_18": lambda **ends: resnet([factored] * 4, stem="factored", **ends),
    "resnet-18": lambda **ends: resnet([full] * 4, stem="pooled", **ends),
    "resnet-34": lambda **ends: resnet([full] * 4, (3, 4, 6, 3), stem="pooled", **ends),
}

CONTINUAL_INPUT = {"layout": "NCTHW", "height": 16, "width": 16, "range": [-1, 1]}
CONTINUAL_WINDOW = {"frames": 32, "minimum_frames": 8, "multiple_of": 8, "sample_rate": 10}


def continual_card(folder):
    """Return the card of r3d_18, which takes each frame once."""
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    return write_card(folder, input=CONTINUAL_INPUT, window=CONTINUAL_WINDOW, continual=True)
