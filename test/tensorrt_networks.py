"""What TensorRT's tests build: each kind of network, prepared."""

from dataclasses import replace

import numpy as np
import onnx
from small_networks import convolutional_network, encoder_decoder, write_card
from streamable_networks import ARCHITECTURES

from har_ros.graphs.cut import LOGITS, taught_network
from har_ros.graphs.onnx_file import load_onnx
from har_ros.learning.embed import embedding_network
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model


def small_clip(folder):
    convolutional_network(folder / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16, "mean": [0.4, 0.4, 0.4]}
    return prepared_networks(find_model(str(write_card(folder, input=fields, window={"frames": 8}))))


def small_pair(folder):
    return prepared_networks(find_model(str(encoder_decoder(folder)[0])))


def i3d(folder):
    return prepared_networks(find_model("i3d-kinetics-400"), 16)


def taught_i3d(folder):
    """I3D with a last layer of three classes, as actionnet teach writes it."""
    return taught(folder, embedding_network(find_model("i3d-kinetics-400"), 16))


def taught_everyday(folder):
    """The same on top of a network for skeletons."""
    return taught(folder, embedding_network(find_model("everyday-14")))


def taught(folder, network):
    rng = np.random.default_rng(0)
    path = folder / "taught.onnx"
    weights, bias = rng.normal(size=(1024, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    path.write_bytes(taught_network(load_onnx(network.path), weights, bias))
    return (replace(network, path=path, output_blob=LOGITS, output="logits"),)


def small_continual(folder):
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    return prepared_networks(find_model(str(write_card(folder, input=fields, window={"frames": 16}))), in_steps=True)


def continual_i3d(folder):
    return prepared_networks(find_model("i3d-kinetics-400"), in_steps=True)


SKELETONS = {"taught everyday-14": taught_everyday}
CONTINUAL = {"continual": small_continual, "continual i3d": continual_i3d}
NETWORKS = {"clip": small_clip, "encoder-decoder": small_pair, "i3d": i3d, "taught i3d": taught_i3d}
