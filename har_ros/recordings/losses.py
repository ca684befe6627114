"""Which frames of a video file are lost, as its packets are damaged or gone, and where."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import counted

NEAR = 0.01
"""Milliseconds by which OpenCV's time of a frame may differ from its container's: less than a tick of 90 kHz."""
GAP = 1.5
"""Steps between two frames from which on some may be lost between them."""
MOST_FAILURES = 10_000
"""Reads that may fail one after the other: so many frames in one piece, which the rest of the file may follow."""
LEAST_FAILURES = 100
"""At the end of a file, which cannot be told from damage; they take 2 ms."""
SKIPPED = 256
"""Bytes between two packets of an .mkv from which on something was there that could not be read."""
WHOLE = {"fflags": "noparse"}
"""For packets as they are in the file: what is made of those of a .ts has no place for a frame that is damaged."""
REORDERED = 16
"""Packets by which the order of frames may differ from that in the file."""


class Losses:
    """Finds which frames are lost, while a file is decoded: asked before each frame that is there.

    OpenCV may leave a frame out without a word, and a read that fails may be damage or the end. So where two frames are
    further apart than the rate says, it is looked up in the file what was between them: of a varying rate, nothing.
    """

    def __init__(self, name: str, rate: float, count: int) -> None:
        """rate: frames per second. count: of the file's frames, as its header has it, 0 where it has not."""
        self._places = 0
        self._name = name
        self._rate = rate
        self._count = count
        self._step = 1000 / rate
        self._last = -self._step
        self._first: int | None = None
        self._damaged = False
        self._by_decoding = False  # the times are those at which frames are decoded, as of packets copied from an .avi
        self._offset: int | None = None
        self._packets: Packets | None = None

    def patience(self, index: int) -> int:
        """Return how many reads may fail before the frame with this index."""
        return min(MOST_FAILURES, max(LEAST_FAILURES, self._count - index))

    def begin(self, at: float) -> None:
        """Take the frame at which the decoding begins. at: its time, milliseconds."""
        self._last = at

    def before(self, at: float, index: int, failed: int, ahead: Callable[[], list[float]]) -> int:
        """Return how many frames are lost before this one, or -1 when it comes too late to be of use.

        Where frames are lost, a decoder may give others in a wrong order. at: its time, milliseconds. index: that it
        has if none is lost. failed: reads since the last frame. ahead: returns the times of the next frames.
        """
        last, self._last = self._last, max(self._last, at)
        if not failed and not self._damaged and (self._by_decoding or at - last < GAP * self._step or not index):
            return 0
        lost = failed if self._by_decoding else self._between(last, at, index, failed)
        if lost > 0 and not failed and not self._damaged and self._come(last, at, ahead):
            self._by_decoding = True
            return 0
        self._damaged = self._damaged or failed > 0
        if lost > 0:
            self._damaged = True
            self._places += 1
        if (lost > 0 and self._places == 1) or (failed and self._first is None):
            self._first = index
        return lost

    def after(self) -> int:
        """Return how many frames the file should have behind the last one."""
        found = self._looked_up()
        behind = len(found.times) - int(found.times.searchsorted(self._last + self._step / 2))
        return behind + max(0, round(found.short / self._step))

    def until(self, end: float) -> int:
        """Return how many frames there is time for between the last one and the end. end: seconds."""
        return max(0, round((1000 * end - self._last) / self._step) - 1)

    def said(self) -> str:
        """Return how many places could not be decoded, and where the first is; nothing where none is known."""
        if self._first is None:
            return ""
        first = self._first / self._rate
        places = counted(max(1, self._places), "place")
        return f"{places} of {self._name} could not be decoded, the first at {first:.2f} s"

    def _between(self, last: float, at: float, index: int, failed: int) -> int:
        times = self._looked_up().times
        place = int(times.searchsorted(at - NEAR))
        if place == len(times) or times[place] > at + NEAR:  # it has no time, or a wrong one
            self._last = last
            return failed
        if self._offset is None:
            self._offset = index - int(times.searchsorted(last - NEAR)) - 1 if index else 0
        if last - REORDERED * self._step < at <= last and index:
            return -1
        inside = int(times.searchsorted(at - self._step / 2) - times.searchsorted(last + self._step / 2))
        return max(0, min(inside, place + self._offset - index))

    def _come(self, last: float, at: float, ahead: Callable[[], list[float]]) -> bool:
        """Return whether a frame that should be between two times is yet to come, as times are those of decoding."""
        found = self._looked_up()
        between = found.times[(found.times > last + NEAR) & (found.times < at - NEAR)]
        return found.rising and bool((np.abs(between[:, None] - np.array(ahead())) <= NEAR).any())

    def _looked_up(self) -> Packets:
        """Look at the packets of the file, once."""
        if self._packets is None:
            self._packets = packets(self._name, self._step, min(self._count, MOST_FAILURES))
        return self._packets


@dataclass(frozen=True)
class Packets:
    """Of a file's images. times: in their order, milliseconds; also those of packets that must have been there.

    short: milliseconds by which the file ends before its header says. rising: whether they lie in that order.
    """

    times: NDArray[np.float64]
    short: float
    rising: bool


def packets(name: str, step: float, most: int) -> Packets:
    """Look at the packets of a file. step: milliseconds between two images. most: images that may be gone in a place.

    What comes after an error of the file's reader is not there.
    """
    import av
    from av.error import FFmpegError

    times, skips, marks = array("d"), array("q"), array("q")
    skipped = end = 0
    length = latest = 0.0
    blocks = False
    with suppress(FFmpegError, IndexError, OSError, ValueError), av.open(f"file:{name}", options=WHOLE) as container:
        stream = container.streams.video[0]
        start, base = stream.start_time or 0, float(stream.time_base or 0) * 1000
        blocks = "matroska" in container.format.name
        length = (container.duration or 0) / 1000
        for packet in container.demux():
            if not packet.size:
                continue
            if packet.pos is not None and packet.pos >= 0:
                skipped = max(skipped, packet.pos - end if end else 0)
                end = (end if packet.pos < end else packet.pos) + packet.size
            at = packet.dts if packet.pts is None else packet.pts
            if at is None or packet.is_discard:
                continue
            latest = max(latest, float((at + (packet.duration or 0)) * (packet.time_base or 0)) * 1000)
            if packet.stream_index == stream.index:
                if packet.is_corrupt:
                    marks.append(len(times))
                times.append((at - start) * base)
                skips.append(skipped)
                skipped = 0
    found = np.array(marks, np.int64)
    if blocks and skips:
        many = np.array(skips) > max(SKIPPED, 8 * float(np.median(skips)))
        found = np.union1d(found, np.flatnonzero(many))
    there = np.array(times, np.float64)
    rising = bool((np.diff(there) > 0).all())
    return Packets(_with_gone(there, found, step, most), length - latest if blocks else 0.0, rising)


def _with_gone(times: NDArray[np.float64], marks: NDArray[np.int64], step: float, most: int) -> NDArray[np.float64]:
    """Return times in their order, without wrong ones, and with those of packets that are gone. most: in one place.

    times: milliseconds, in the order of the file. marks: places in it at which something is gone. step: between two.
    """
    order = np.argsort(times, kind="stable")
    if len(times) > 2:
        there, back = np.diff(times)[:-1], np.diff(times)[1:]
        least = np.minimum(abs(there), abs(back))
        wrong = (least > REORDERED * step) & (abs(there + back) < least / 2)
        order = order[~np.isin(order, np.flatnonzero(wrong) + 1)]
    ordered = times[order]
    if not len(marks) or not len(ordered):
        return ordered
    newest = np.maximum.accumulate(order)[:-1]
    oldest = np.minimum.accumulate(order[::-1])[::-1][1:]
    gaps = (np.diff(ordered) > GAP * step) & (newest - oldest <= REORDERED)
    gone = []
    for place in np.flatnonzero(gaps):
        number = round((ordered[place + 1] - ordered[place]) / step)
        if number <= most and np.abs(marks - oldest[place]).min() <= REORDERED:
            gone.append(np.linspace(ordered[place], ordered[place + 1], number + 1)[1:-1])
    return np.sort(np.concatenate([ordered, *gone]))
