"""A network that takes a whole window of frames at a time."""

from __future__ import annotations

from collections.abc import Sequence

from har_ros.frames.window import Clip, FrameWindow
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load, Memory


class ClipNetwork:
    """Takes a whole window of frames at a time and keeps nothing."""

    step = 0

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (network,) = networks
        self.length = network.shape[0]
        self.backend = load(network)

    def new_window(self, height: int, width: int) -> FrameWindow:
        """See Network."""
        return FrameWindow(self.length, height, width)

    def new_memory(self) -> None:
        """See Network."""

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """See Network."""
        rows = self.backend.infer([clip.frames for clip in clips])
        return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]

    def close(self) -> None:
        """See Network."""
        self.backend.close()
