"""The process that checks a dataset or teaches a network with it, and says in lines of JSON how far it is."""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from har_ros.backends.backend import BackendSettings
from har_ros.errors import HarError, without_paths
from har_ros.files.console import say
from har_ros.files.results_folder import finite
from har_ros.learning.check import check
from har_ros.learning.dataset import load_dataset
from har_ros.learning.embed_people import PeopleSettings
from har_ros.learning.embedders import Settings
from har_ros.service.process import end_with_the_server, prepare, take_output, unexpected
from har_ros.teach.teach import teach

logger = logging.getLogger(__name__)

KINDNESS = 10
"""Niceness: videos that are waited for come first."""
WIDE = 1000
"""Characters of a line of the log, at most."""


class Reports:
    """Where the lines go: the log, as of a console, and what is done. Paths of the server are left out."""

    def __init__(self, descriptor: int, hidden: list[Path]) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", buffering=1)
        self._hidden = hidden

    def send(self, **values: Any) -> None:
        """Send a line."""
        print(self.harmless(json.dumps(finite(values), ensure_ascii=False)), file=self._file, flush=True)

    def watch(self, doing: str, done: int, total: int) -> None:
        """Say what is being done, see lesson.Watch."""
        self.send(doing=doing, done=done, total=total)

    def write(self, text: str) -> int:
        """Send what a console prints, as lines of the log."""
        for line in filter(None, text.splitlines()):
            self.send(log=line[:WIDE])
        return len(text)

    def flush(self) -> None:
        """Lines are sent at once."""

    def harmless(self, text: str) -> str:
        """Return a text without the paths of the server."""
        return without_paths(text, *self._hidden)


class _Logged(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        say(self._console, record.getMessage())


def work(options: argparse.Namespace, reports: Reports) -> dict[str, Any]:
    """Check, or teach, and return what is to be known of it. Raises HarError."""
    console = Console(file=reports, width=WIDE)  # type: ignore[arg-type]
    logging.getLogger("har_ros").addHandler(_Logged(console))
    people = PeopleSettings(options.person) if options.person else PeopleSettings()
    own, above = Path(options.model), options.dataset.parent.resolve()
    model = os.path.relpath(own.resolve(), above) if own.is_dir() else options.model
    output = options.output and options.output.absolute()
    os.chdir(above)  # so that neither messages nor the report have paths of the server
    settings = Settings(model, mirror=options.mirror, people=people, background=options.background)
    reports.watch("starting", 0, 0)
    dataset = load_dataset(Path(options.dataset.name), with_empty=output is None)
    if output is not None:
        return summary(teach(dataset, output, settings, BackendSettings(), False, console, watch=reports.watch))
    checked = check(dataset, settings, BackendSettings(), console, reports.watch)
    classes: list[dict[str, Any]] = []
    if checked.samples is not None:
        counts = np.bincount(checked.samples.classes, minlength=len(checked.samples.labels)).tolist()
        classes = [{"label": one, "clips": n} for one, n in zip(checked.samples.labels, counts, strict=True)]
    return {"classes": classes, "findings": [*checked.left_out, *checked.found]}


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a taught network; the report has the rest."""
    figures = metrics["figures"]
    rows = [{name: row[name] for name in ("label", "clips", "groups", "f1")} for row in figures["classes"]]
    return {
        "accuracy": figures["accuracy"],
        "classes": rows,
        **{name: metrics[name] for name in ("clips", "groups", "validation", "advice", "doubt")},
        "persons": "person" in metrics["settings"],
    }


def main() -> None:
    """Work until it is done, or until the server closes our standard input or is gone."""
    options = _parser().parse_args()
    prepare("teacher", options.memory)
    os.nice(KINDNESS)
    reports = Reports(take_output(), [options.output.parent] if options.output else [])
    end_with_the_server()
    try:
        reports.send(result=work(options, reports))
    except HarError as error:
        reports.send(error=str(error))
    except Exception as error:
        logger.exception("%s", options.dataset)
        reports.send(error=unexpected(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m har_ros.service.teaching.teacher", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--output", type=Path, help="folder for the taught network; without it, the dataset is checked")
    parser.add_argument("--model", required=True, help="the network to build on")
    parser.add_argument("--person", default="", help="who of several people counts, of a network that takes skeletons")
    parser.add_argument("--background", default="")
    parser.add_argument("--no-mirror", dest="mirror", action="store_false")
    parser.add_argument("--memory", type=int, required=True, help="bytes that this process may have, at most")
    return parser


if __name__ == "__main__":
    main()
