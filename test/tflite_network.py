"""Writes TensorFlow Lite without TensorFlow."""

import flatbuffers
import numpy as np
import tflite


def tflite_linear(path, shape, outputs=5):
    """Write a fully connected layer of all inputs. Returns its weights."""
    size = int(np.prod(shape))
    weights = np.random.default_rng(2).normal(size=(size, outputs), scale=size**-0.5).astype(np.float32)
    builder = flatbuffers.Builder(1 << 16)

    def vector(start, items, prepend):
        start(builder, len(items))
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    def tensor(name, shape, buffer):
        text = builder.CreateString(name)
        sizes = vector(tflite.TensorStartShapeVector, shape, builder.PrependInt32)
        tflite.TensorStart(builder)
        tflite.TensorAddName(builder, text)
        tflite.TensorAddShape(builder, sizes)
        tflite.TensorAddType(builder, tflite.TensorType.FLOAT32)
        tflite.TensorAddBuffer(builder, buffer)
        return tflite.TensorEnd(builder)

    constant = builder.CreateNumpyVector(np.frombuffer(np.ascontiguousarray(weights.T).tobytes(), np.uint8))
    buffers = []
    for data in (None, constant):
        tflite.BufferStart(builder)
        if data is not None:
            tflite.BufferAddData(builder, data)
        buffers.append(tflite.BufferEnd(builder))
    tensors = [
        tensor("frames", [1, *shape], 0),
        tensor("weights", [outputs, size], 1),
        tensor("logits", [1, outputs], 0),
    ]
    tensors = vector(tflite.SubGraphStartTensorsVector, tensors, builder.PrependUOffsetTRelative)
    tflite.FullyConnectedOptionsStart(builder)
    options = tflite.FullyConnectedOptionsEnd(builder)
    taken = vector(tflite.OperatorStartInputsVector, [0, 1], builder.PrependInt32)
    given = vector(tflite.OperatorStartOutputsVector, [2], builder.PrependInt32)
    tflite.OperatorStart(builder)
    tflite.OperatorAddInputs(builder, taken)
    tflite.OperatorAddOutputs(builder, given)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.FullyConnectedOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    operators = [tflite.OperatorEnd(builder)]
    operators = vector(tflite.SubGraphStartOperatorsVector, operators, builder.PrependUOffsetTRelative)
    first, last = (vector(tflite.SubGraphStartInputsVector, [i], builder.PrependInt32) for i in (0, 2))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, first)
    tflite.SubGraphAddOutputs(builder, last)
    tflite.SubGraphAddOperators(builder, operators)
    graphs = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)], builder.PrependUOffsetTRelative)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    codes = [tflite.OperatorCodeEnd(builder)]
    codes = vector(tflite.ModelStartOperatorCodesVector, codes, builder.PrependUOffsetTRelative)
    buffers = vector(tflite.ModelStartBuffersVector, buffers, builder.PrependUOffsetTRelative)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return weights
