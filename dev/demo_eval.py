"""`make demo-eval`: the demo's videos as a bag, its evaluation, and a report."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

from demo import MAX_SIDE, SAMPLE_RATE, demo_videos
from har_ros.evaluate.results import REPORT
from har_ros.recordings.sink import has_screen

SECONDS = 20
TRUTH = "bag,camera,start,end,label\n*,*,0,20,swinging legs\n"
INFERENCE_TIME = 0.3  # seconds that a 64-frame window takes on two cores of a server


def main() -> int:
    """Run the commands that a user would; the exit status is theirs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="*", help="video files; the package pose2sim's four cameras when none is given")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for bag and results")
    options = parser.parse_args()
    bag, folder, truth = options.output / "bag", options.output / "evaluation", options.output / "truth.csv"
    options.output.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(bag, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    truth.write_text(TRUTH)
    videos = options.videos or demo_videos()
    status = run("record", *videos, "-o", str(bag), "--seconds", str(SECONDS), "--max-side", str(MAX_SIDE))
    evaluation = ["-p", f"sample_rate:={SAMPLE_RATE}", "--inference-time", str(INFERENCE_TIME), "--annotate"]
    if not options.videos:
        evaluation += ["--truth", str(truth)]
    status = status or run("evaluate", str(bag), "-o", str(folder), *evaluation)
    if not status and has_screen():
        webbrowser.open((folder / REPORT).absolute().as_uri())
    return status


def run(*arguments: str) -> int:
    """Show an actionnet command and run it."""
    print("$ actionnet", *[os.path.relpath(a) if Path(a).exists() else a for a in arguments], flush=True)
    return subprocess.call([str(Path(sys.executable).with_name("actionnet")), *arguments])


if __name__ == "__main__":
    sys.exit(main())
