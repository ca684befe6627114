"""How far the benchmark is, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn


class PartsProgress(Progress):
    """A bar that moves with the time that parts are expected to take."""

    def __init__(self, console: Console, expected: Mapping[str, float]) -> None:
        """expected: seconds of each part, in order."""
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]} left")
        super().__init__(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._expected = dict(expected)
        self._done = 0.0
        self._part: str | None = None
        self._began = time.monotonic()
        self._task = self.add_task("", total=sum(self._expected.values()), left="")

    def begin(self, part: str) -> None:
        """The part begins; the one before it has ended."""
        self.end()
        self._part, self._began = part, time.monotonic()
        number = f"{list(self._expected).index(part) + 1} of {len(self._expected)}"
        if self.disable:
            self.console.print(f"{part}, {number}: {duration(self.left)} left", highlight=False)
        self.update(self._task, description=f"{part}, {number}")

    def end(self) -> None:
        """The part has ended."""
        if self._part is not None:
            self._done += self._expected[self._part]
            self._part = None

    @property
    def left(self) -> float:
        """Seconds that all parts will still take, at least none of the one that runs."""
        return sum(self._expected.values()) - self._place()

    def _place(self) -> float:
        if self._part is None:
            return self._done
        return self._done + min(time.monotonic() - self._began, self._expected[self._part])

    def get_renderables(self) -> Iterable[RenderableType]:
        """Move the bar whenever it is drawn."""
        if self.tasks:
            self.update(self._task, completed=self._place(), left=duration(self.left))
        return super().get_renderables()


def duration(seconds: float) -> str:
    """Write a duration in minutes, or in seconds where it is short."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
