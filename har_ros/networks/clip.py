"""A network that takes a whole window of frames at a time and keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence

from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, FrameWindow
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load


class NewestFrames:
    """The window of one camera, which is all that is kept."""

    continual = False
    gaps = 0

    def __init__(self, length: int, height: int, width: int) -> None:
        self.window = FrameWindow(length, height, width)
        self.length = length

    @property
    def fill(self) -> int:
        """See Memory."""
        return self.window.fill

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """See Memory."""


class ClipNetwork:
    """Runs windows as they are."""

    step = 0
    stateless = True

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (network,) = networks
        self.length = network.shape[0]
        self.backend = load(network)

    def new_memory(self, height: int, width: int) -> NewestFrames:
        """See Network."""
        return NewestFrames(self.length, height, width)

    def run(self, clips: Sequence[Clip], memories: Sequence[NewestFrames]) -> list[Answer | None]:
        """See Network."""
        rows = self.backend.infer([clip.frames for clip in clips])
        return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """See Network."""
        return self.length

    def summary(self, length: int) -> str:
        """See Network."""
        return f"windows of {length} frames"

    def close(self) -> None:
        """See Network."""
        self.backend.close()
