"""The networks that were taught: what is known of each, and its folder as an archive."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har_ros.errors import HarError
from har_ros.files.results_folder import read_json
from har_ros.learning.model import METRICS

logger = logging.getLogger(__name__)

BLOCK = 1 << 20


@dataclass(frozen=True)
class TaughtNetwork:
    """A network. written: seconds since 1970. dataset: the name of what it was taught with. clips: how many those were.

    accuracy: value, low and high, as in metrics.json. The last three are empty where the network does not say it.
    """

    name: str
    written: float
    dataset: str = ""
    clips: int = 0
    accuracy: Mapping[str, float | None] | None = None

    @classmethod
    def of(cls, folder: Path) -> TaughtNetwork:
        """Return what the folder of a network says. Raises OSError."""
        written = folder.stat().st_mtime
        try:
            metrics = read_json(folder / METRICS)
            accuracy = {name: metrics["figures"]["accuracy"][name] for name in ("value", "low", "high")}
            return cls(folder.name, written, metrics["settings"]["dataset"], metrics["clips"], accuracy)
        except (HarError, TypeError, KeyError) as error:
            logger.warning("%s cannot be read (%s)", folder / METRICS, type(error).__name__)
            return cls(folder.name, written)


def zipped(network: Path) -> Iterator[bytes]:
    """Yield a ZIP archive of the folder of a network. No file is open between two blocks. Raises OSError."""
    written = _Written()
    with zipfile.ZipFile(written, "w") as archive:  # a network is numbers, which do not become fewer
        for path in sorted(network.iterdir()):
            about = zipfile.ZipInfo.from_file(path, f"{network.name}/{path.name}")
            with archive.open(about, "w") as entry:
                for start in range(0, about.file_size, BLOCK):
                    entry.write(_block(path, start))
                    yield written.taken()
    yield written.taken()


class _Written(io.RawIOBase):
    """What a writer that cannot go back has written since it was taken last."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def writable(self) -> bool:
        """Return whether it can be written to."""
        return True

    def write(self, block: Any) -> int:
        """Take a block."""
        self._blocks.append(bytes(block))
        return len(self._blocks[-1])

    def taken(self) -> bytes:
        """Take what was written."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)


def _block(path: Path, start: int) -> bytes:
    """Return a block of a file. Raises OSError."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(BLOCK)
