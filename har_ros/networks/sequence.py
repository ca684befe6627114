"""A network that takes a window of one person's skeletons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har_ros.errors import counted
from har_ros.frames.sampling import StreamSettings, rate_of
from har_ros.frames.skeletons import SLOT, arranged
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.clip import NewestFrames
from har_ros.networks.kind import Answer, Load


class NewestSkeletons(NewestFrames):
    """The window of one person. rate: skeletons per second of the network's input; None: as they come."""

    rate: float | None = None

    def __init__(self, length: int) -> None:
        super().__init__(length, SLOT, np.float32)

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """Use these settings from now on."""
        super().configure(spec, settings)
        self.rate = rate_of(spec, settings)


class SequenceNetwork:
    """Runs windows of skeletons, laid out as the card says."""

    step = 0
    stateless = True

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (network,) = networks
        assert network.skeletons is not None
        self._spec = network.skeletons
        self.length = network.shape[self._spec.layout.index("T") - 1]
        self.backend = load(network)

    def new_memory(self) -> NewestSkeletons:
        """Return a person's empty memory."""
        return NewestSkeletons(self.length)

    def run(self, clips: Sequence[Clip], memories: Sequence[NewestSkeletons]) -> list[Answer | None]:
        """Return an answer for each clip. Raises ModelError."""
        pairs = zip(clips, memories, strict=True)
        rows = self.backend.infer([arranged(clip, self._spec, memory.rate)[0] for clip, memory in pairs])
        return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return on how many skeletons an answer is based."""
        return self.length

    def summary(self, length: int) -> str:
        """Say in words what it takes, for answers that are based on so many skeletons."""
        return f"windows of {counted(length, 'skeleton')}"

    def close(self) -> None:
        """Free the network."""
        self.backend.close()
