"""The kinds of network, by the names that cards give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.clip import ClipNetwork
from har_ros.networks.continual import ContinualNetwork
from har_ros.networks.encoder_decoder import EncoderDecoder
from har_ros.networks.kind import Load, Network
from har_ros.networks.sequence import SequenceNetwork

KINDS: dict[str, Callable[[tuple[PreparedNetwork, ...], Load], Network[Any]]] = {
    "clip": ClipNetwork,
    "encoder-decoder": EncoderDecoder,
    "continual": ContinualNetwork,
    "sequence": SequenceNetwork,
}
"""A card's kind, or "continual" → how its networks are loaded."""
