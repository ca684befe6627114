"""What TensorRT's tests build: each kind of network, prepared."""

import onnx
from small_networks import convolutional_network, encoder_decoder, write_card
from streamable_networks import ARCHITECTURES

from har_ros.models.check import prepare
from har_ros.models.locate import find_model


def small_clip(folder):
    convolutional_network(folder / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16, "mean": [0.4, 0.4, 0.4]}
    return prepare(find_model(str(write_card(folder, input=fields, window={"frames": 8}))))


def small_pair(folder):
    return prepare(find_model(str(encoder_decoder(folder)[0])))


def i3d(folder):
    return prepare(find_model("i3d-kinetics-400"), 16)


def small_continual(folder):
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    return prepare(find_model(str(write_card(folder, input=fields, window={"frames": 16}))), in_steps=True)


def continual_i3d(folder):
    return prepare(find_model("i3d-kinetics-400"), in_steps=True)


CONTINUAL = {"continual": small_continual, "continual i3d": continual_i3d}
NETWORKS = {"clip": small_clip, "encoder-decoder": small_pair, "i3d": i3d}
